//! Questions by UDP: one datagram each way.

use std::io;
use std::sync::Arc;

use tokio::net::UdpSocket;

use super::AFTER_FAILURE;
use crate::message::{Transport, respond};
use crate::zones::Zones;

/// Longer questions are cut, and then cannot be read: none that we answer is near this long.
const QUESTION_BYTES_MAX: usize = 4096;

/// Answers until dropped. An answer costs microseconds and waits for nothing, so it is made where the question is read.
pub(super) async fn run(socket: UdpSocket, zones: Arc<Zones>) {
    let mut packet = vec![0; QUESTION_BYTES_MAX];
    loop {
        if let Err(error) = exchange(&socket, &mut packet, &zones).await {
            tracing::debug!(%error, "DNS over UDP failed");
            tokio::time::sleep(AFTER_FAILURE).await;
        }
    }
}

async fn exchange(socket: &UdpSocket, packet: &mut [u8], zones: &Zones) -> io::Result<()> {
    let (len, client) = socket.recv_from(packet).await?;
    if let Some(answer) = respond(zones, &packet[..len], Transport::Udp)
        // A client that cannot be reached, such as one at port 0, is no failure of the socket.
        && let Err(error) = socket.send_to(&answer, client).await
    {
        tracing::debug!(%error, %client, "DNS answer could not be sent");
    }
    Ok(())
}
