//! Questions by TCP: each with its length in front (RFC 1035 §4.2.2), many on a connection, answered in order
//! (RFC 7766 §6.2.1).

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::timeout;

use super::AFTER_FAILURE;
use crate::core::admission::Admission;
use crate::message::{Transport, respond};
use crate::zones::Zones;

/// Connections that are held at once. Half of the 1024 files that a process may open where nobody raised it.
const CONNECTIONS_MAX: usize = 512;
/// A client has this long to send a whole question, the first or the next, and as long to take its answer
/// (RFC 7766 §6.2.3). Bytes that trickle in win no time.
const IDLE_TIMEOUT: Duration = Duration::from_secs(5);
/// A longer message is no question for us; the connection is closed.
const QUESTION_BYTES_MAX: usize = 4096;

/// Answers until dropped.
pub(super) async fn run(listener: TcpListener, zones: Arc<Zones>) {
    let mut connections = Connections {
        admission: Admission::new(CONNECTIONS_MAX),
        open: HashMap::new(),
        tasks: JoinSet::new(),
        zones,
    };
    loop {
        tokio::select! {
            Some(ended) = connections.tasks.join_next_with_id() => {
                connections.forget(ended.map_or_else(|error| error.id(), |(id, ())| id));
            }
            accepted = listener.accept() => match accepted {
                Ok((stream, client)) => connections.admit(stream, client),
                Err(error) => {
                    tracing::debug!(%error, "DNS over TCP failed");
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
            },
        }
    }
}

struct Connections {
    admission: Admission<Id>,
    open: HashMap<Id, (IpAddr, AbortHandle)>,
    tasks: JoinSet<()>,
    zones: Arc<Zones>,
}

impl Connections {
    fn admit(&mut self, stream: TcpStream, client: SocketAddr) {
        let zones = Arc::clone(&self.zones);
        let task = self.tasks.spawn(async move {
            if let Err(error) = converse(stream, &zones).await {
                tracing::debug!(%error, %client, "DNS connection ended");
            }
        });
        let leaving = self.admission.admit(task.id(), client.ip());
        self.open.insert(task.id(), (client.ip(), task));
        if let Some((_, task)) = leaving.and_then(|id| self.open.remove(&id)) {
            task.abort();
        }
    }

    fn forget(&mut self, id: Id) {
        if let Some((client, _)) = self.open.remove(&id) {
            self.admission.leave(id, client);
        }
    }
}

async fn converse(stream: TcpStream, zones: &Zones) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut question = Vec::new();
    while timeout(IDLE_TIMEOUT, read(&mut stream, &mut question)).await?? {
        // Who sends what is not answered over UDP does not get to send more.
        let Some(answer) = respond(zones, &question, Transport::Tcp) else { return Ok(()) };
        let Ok(len) = u16::try_from(answer.len()) else { return Ok(()) };
        let framed = [&len.to_be_bytes(), answer.as_slice()].concat();
        timeout(IDLE_TIMEOUT, stream.get_mut().write_all(&framed)).await??;
    }
    Ok(())
}

/// Reads the next message. `false` where the client is done, or sends what no question is.
async fn read(stream: &mut BufReader<TcpStream>, question: &mut Vec<u8>) -> io::Result<bool> {
    let len = match stream.read_u16().await {
        Ok(len) => usize::from(len),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
        Err(error) => return Err(error),
    };
    if len > QUESTION_BYTES_MAX {
        return Ok(false);
    }
    question.resize(len, 0);
    stream.read_exact(question).await?;
    Ok(true)
}
