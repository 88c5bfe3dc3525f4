//! The access log: one JSON line a request.
//!
//! Workers append bytes to a buffer of their own; a thread writes full buffers out. A sink that is too slow loses
//! lines, which are counted; it never holds up a request.

use std::cell::RefCell;
use std::io::Write;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Written out when so full; small enough that a burst does not delay the next request.
const BUFFER_BYTES: usize = 64 << 10;
/// Full buffers that may wait for the sink, of all workers together: 16 MiB.
const BUFFERS_WAITING_MAX: usize = 256;

/// The worker's end. Cheap to clone within the worker.
#[derive(Clone)]
pub(crate) struct AccessLog(Option<Rc<Shared>>);

struct Shared {
    buffer: RefCell<Buffer>,
    sink: SyncSender<Vec<u8>>,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    lines: u64,
    dropped: u64,
    /// The current tick's time, as text.
    time: String,
}

/// What is said of a request.
pub(crate) struct Line<'l> {
    pub(crate) request_id: &'l [u8],
    pub(crate) trace_id: &'l [u8],
    pub(crate) client: &'l str,
    pub(crate) protocol: &'static str,
    pub(crate) scheme: &'static str,
    pub(crate) host: &'l [u8],
    pub(crate) method: &'l [u8],
    pub(crate) path: &'l [u8],
    pub(crate) status: u16,
    pub(crate) reason: Option<&'static str>,
    pub(crate) route: Option<&'l str>,
    pub(crate) backend: Option<&'l str>,
    pub(crate) subject: Option<&'l str>,
    pub(crate) user_agent: &'l [u8],
    pub(crate) bytes_in: u64,
    pub(crate) bytes_out: u64,
    pub(crate) duration: Duration,
}

/// Starts the writing thread. Returns what each worker gets, and the thread, which ends when the last of them is gone
/// and all is written.
pub(crate) fn start(
    mut sink: Box<dyn Write + Send>,
) -> std::io::Result<(SyncSender<Vec<u8>>, JoinHandle<()>)> {
    let (sender, receiver): (_, Receiver<Vec<u8>>) = sync_channel(BUFFERS_WAITING_MAX);
    let writing = std::thread::Builder::new().name("access-log".into()).spawn(move || {
        for buffer in receiver {
            // A full disk must not end the log for good; the next buffer is tried again.
            if let Err(error) = sink.write_all(&buffer).and_then(|()| sink.flush()) {
                tracing::warn!(%error, "access log cannot be written");
            }
        }
    })?;
    Ok((sender, writing))
}

impl AccessLog {
    pub(crate) fn new(sink: Option<SyncSender<Vec<u8>>>) -> Self {
        Self(sink.map(|sink| Rc::new(Shared { buffer: RefCell::default(), sink })))
    }

    /// Takes in the time, and writes out what waits. Returns how many lines were lost since the last call.
    pub(crate) fn handle_tick(&self, now: SystemTime) -> u64 {
        let Some(shared) = &self.0 else { return 0 };
        let mut buffer = shared.buffer.borrow_mut();
        buffer.time = rfc3339(now);
        flush(&mut buffer, &shared.sink);
        std::mem::take(&mut buffer.dropped)
    }

    /// Appends a line.
    pub(crate) fn write(&self, line: &Line<'_>) {
        let Some(shared) = &self.0 else { return };
        let mut buffer = shared.buffer.borrow_mut();
        let Buffer { bytes, lines, time, .. } = &mut *buffer;
        line.append(bytes, time);
        *lines += 1;
        if bytes.len() >= BUFFER_BYTES {
            flush(&mut buffer, &shared.sink);
        }
    }
}

fn flush(buffer: &mut Buffer, sink: &SyncSender<Vec<u8>>) {
    if buffer.bytes.is_empty() {
        return;
    }
    // With room for the next lines at once: growing step by step would copy them each time.
    let bytes = std::mem::replace(&mut buffer.bytes, Vec::with_capacity(BUFFER_BYTES + LINE_BYTES_FIXED));
    let lines = std::mem::take(&mut buffer.lines);
    match sink.try_send(bytes) {
        Ok(()) => {}
        Err(TrySendError::Full(mut bytes)) => {
            buffer.dropped += lines;
            bytes.clear();
            buffer.bytes = bytes;
        }
        Err(TrySendError::Disconnected(_)) => buffer.dropped += lines,
    }
}

/// Names, digits and punctuation of a line, whatever it says.
const LINE_BYTES_FIXED: usize = 512;

impl Line<'_> {
    fn append(&self, out: &mut Vec<u8>, time: &str) {
        // One look at the room for the whole line, unless much of it must be escaped.
        out.reserve(LINE_BYTES_FIXED + self.host.len() + self.path.len() + self.user_agent.len());
        out.extend_from_slice(b"{\"time\":\"");
        out.extend_from_slice(time.as_bytes());
        plain(out, "\",\"request_id\":\"", self.request_id);
        plain(out, "\",\"trace_id\":\"", self.trace_id);
        plain(out, "\",\"client\":\"", self.client.as_bytes());
        plain(out, "\",\"protocol\":\"", self.protocol.as_bytes());
        plain(out, "\",\"scheme\":\"", self.scheme.as_bytes());
        text(out, "\",\"host\":\"", self.host);
        text(out, "\",\"method\":\"", self.method);
        text(out, "\",\"path\":\"", self.path);
        number(out, "\",\"status\":", u64::from(self.status));
        number(out, ",\"bytes_in\":", self.bytes_in);
        number(out, ",\"bytes_out\":", self.bytes_out);
        number(out, ",\"duration_us\":", u64::try_from(self.duration.as_micros()).unwrap_or(u64::MAX));
        let optional = [
            (",\"reason\":\"", self.reason),
            (",\"route\":\"", self.route),
            (",\"backend\":\"", self.backend),
            (",\"subject\":\"", self.subject),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                text(out, name, value.as_bytes());
                out.push(b'"');
            }
        }
        text(out, ",\"user_agent\":\"", self.user_agent);
        out.extend_from_slice(b"\"}\n");
    }
}

/// A string that cannot hold what JSON escapes, after its name and opening quote.
fn plain(out: &mut Vec<u8>, name: &'static str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(value);
}

/// Any string, after its name and opening quote (RFC 8259 §7). What is not printable ASCII is escaped byte by byte: a
/// log is read in terminals.
fn text(out: &mut Vec<u8>, name: &'static str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    // Without a way out of the loop, so that many bytes are looked at together.
    let escapes = value.iter().fold(false, |found, byte| found | must_escape(*byte));
    if !escapes {
        out.extend_from_slice(value);
        return;
    }
    for byte in value {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            other if !must_escape(*other) => out.push(*other),
            other => {
                let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit)];
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', hex(other >> 4), hex(other & 0xf)]);
            }
        }
    }
}

const fn must_escape(byte: u8) -> bool {
    (byte < b' ') | (byte > b'~') | (byte == b'"') | (byte == b'\\')
}

fn number(out: &mut Vec<u8>, name: &'static str, value: u64) {
    out.extend_from_slice(name.as_bytes());
    let mut digits = [0u8; 20];
    let mut at = digits.len();
    let mut rest = value;
    loop {
        at -= 1;
        digits[at] = b'0' + (rest % 10) as u8;
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// `2026-11-24T09:45:09.250Z`.
pub(crate) fn rfc3339(now: SystemTime) -> String {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let millis = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// `Tue, 24 Nov 2026 09:45:09 GMT` (RFC 9110 §5.6.7).
pub(crate) fn imf_fixdate(now: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let since = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let at = |index: u64| usize::try_from(index).unwrap_or(0);
    let (weekday, month) = (DAYS[at(days % 7)], MONTHS[at(month - 1)]);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Days since 1970 as year, month, day (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_513_509, "2026-11-24T09:45:09.000Z"),
        ] {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn what_clients_send_cannot_break_a_line() {
        let mut out = Vec::new();
        text(&mut out, ",\"user_agent\":\"", b"a\"b\\c\nd\x1b[31m\xff");
        assert_eq!(out, br#","user_agent":"a\"b\\c\u000ad\u001b[31m\u00ff"#);
    }
}
