//! A chunked body (RFC 9112, section 7.1): where it ends, and that nobody could see another end.

/// Of a chunk's size and extensions together, bytes.
const LINE_BYTES: u16 = 4096;
/// Digits of a chunk's size: fifteen cannot overflow.
const DIGITS: u16 = 15;

const LINE_END: &str = "a line of a chunked body ends without CR LF";

/// The state between the bytes of a body.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    step: Step,
    /// Of the chunk at hand, what is left; while its line is read, its size.
    size: u64,
    /// Bytes of the line at hand.
    line: u16,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    #[default]
    Size,
    Extension,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    /// Before a line of the trailer section.
    Trailer,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
}

// === impl Chunks ===

impl Chunks {
    /// How many bytes belong to the body, and whether it ends with them. In an error: how many before the fault.
    pub(super) fn take(&mut self, bytes: &[u8]) -> Result<(usize, bool), (usize, &'static str)> {
        let mut at = 0;
        while let Some(byte) = bytes.get(at).copied() {
            if self.step == Step::Data {
                let open = u64::try_from(bytes.len() - at).unwrap_or(u64::MAX);
                let taken = open.min(self.size);
                self.size -= taken;
                at += usize::try_from(taken).unwrap_or(bytes.len() - at);
                if self.size == 0 {
                    self.step = Step::DataCr;
                }
                continue;
            }
            if self.step == Step::EndLf {
                let is_end = byte == b'\n';
                return if is_end {
                    Ok((at + 1, true))
                } else {
                    Err((at, LINE_END))
                };
            }
            self.step = self.next(byte).map_err(|reason| (at, reason))?;
            at += 1;
        }
        Ok((at, false))
    }

    fn next(&mut self, byte: u8) -> Result<Step, &'static str> {
        Ok(match (self.step, byte) {
            (Step::Size, b'\r') if self.line > 0 => Step::SizeLf,
            (Step::Size, b';') if self.line > 0 => {
                self.line = 0;
                Step::Extension
            }
            (Step::Size, _) => {
                let digit = char::from(byte)
                    .to_digit(16)
                    .ok_or("a chunk's size is no hexadecimal number")?;
                if self.line == DIGITS {
                    return Err("a chunk's size is too long");
                }
                self.line += 1;
                self.size = self.size * 16 + u64::from(digit);
                Step::Size
            }
            (Step::Extension, b'\r') => Step::SizeLf,
            (Step::Extension, _) => {
                if self.line == LINE_BYTES || !is_text(byte) {
                    return Err("a chunk's extension is too long or holds a control character");
                }
                self.line += 1;
                Step::Extension
            }
            (Step::SizeLf, b'\n') => {
                self.line = 0;
                if self.size == 0 { Step::Trailer } else { Step::Data }
            }
            (Step::Data | Step::DataCr, b'\r') => Step::DataLf,
            (Step::DataLf, b'\n') => Step::Size,
            (Step::Trailer, b'\r') => Step::EndLf,
            (Step::Trailer | Step::TrailerName, _) if super::head::is_token(&[byte]) => Step::TrailerName,
            (Step::TrailerName, b':') => Step::TrailerValue,
            (Step::TrailerValue, b'\r') => Step::TrailerLf,
            (Step::TrailerValue, _) if is_text(byte) => Step::TrailerValue,
            (Step::TrailerLf, b'\n') => Step::Trailer,
            (Step::Trailer | Step::TrailerName | Step::TrailerValue, _) => {
                return Err("a trailer is malformed");
            }
            _ => return Err(LINE_END),
        })
    }
}

fn is_text(byte: u8) -> bool {
    byte == b'\t' || (byte >= b' ' && byte != 0x7f)
}
