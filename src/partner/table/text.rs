//! Bytes of a file to UTF-8 text with plain line feeds.

use std::fmt;
use std::io::{self, Read};
use std::path::Path;

use encoding_rs::{Decoder, DecoderResult, Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};

use super::TableError;

/// Character sets that exports come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Charset {
    /// UTF-8, with or without byte order mark.
    Utf8,
    /// UTF-16 with a little-endian byte order mark, Excel's "Unicode text".
    Utf16Le,
    /// UTF-16 with a big-endian byte order mark.
    Utf16Be,
    /// Windows-1252: what is not UTF-8 and has no byte order mark.
    Windows1252,
}

impl fmt::Display for Charset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.encoding().name())
    }
}

const CHUNK: usize = 64 * 1024;

impl Charset {
    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Utf8 => UTF_8,
            Self::Utf16Le => UTF_16LE,
            Self::Utf16Be => UTF_16BE,
            Self::Windows1252 => WINDOWS_1252,
        }
    }

    /// Reads a source to its end.
    pub(super) fn find(path: &Path, source: &mut impl Read) -> Result<Self, TableError> {
        let read = |reason| TableError::Read { path: path.to_owned(), reason };
        let mut bytes = Vec::with_capacity(CHUNK);
        source.take(CHUNK as u64).read_to_end(&mut bytes).map_err(read)?;
        let not_text = |what| Err(TableError::NotText { path: path.to_owned(), what });
        match bytes.get(..4) {
            Some(b"PK\x03\x04") => return not_text("an Excel workbook or a zip archive"),
            Some(b"\xd0\xcf\x11\xe0") => return not_text("an old Excel workbook"),
            Some(b"%PDF") => return not_text("a PDF"),
            _ => {}
        }
        let marked = match Encoding::for_bom(&bytes) {
            Some((encoding, _)) if encoding == UTF_16LE => Some(Self::Utf16Le),
            Some((encoding, _)) if encoding == UTF_16BE => Some(Self::Utf16Be),
            Some(_) => Some(Self::Utf8),
            None if bytes.contains(&0) => {
                return not_text("binary, or UTF-16 without a byte order mark");
            }
            None => None,
        };
        let charset = marked.unwrap_or(Self::Utf8);
        let mut decoder = charset.encoding().new_decoder_with_bom_removal();
        let mut text = String::with_capacity(4 * CHUNK);
        let mut line = 1;
        loop {
            let last = bytes.is_empty();
            let mut rest = bytes.as_slice();
            loop {
                text.clear();
                let (result, used) =
                    decoder.decode_to_string_without_replacement(rest, &mut text, last);
                line += text.matches('\n').count() as u64;
                rest = &rest[used..];
                match (result, marked) {
                    (DecoderResult::InputEmpty, _) => break,
                    (DecoderResult::OutputFull, _) => {}
                    (DecoderResult::Malformed(..), None) => return Ok(Self::Windows1252),
                    (DecoderResult::Malformed(..), Some(charset)) => {
                        let path = path.to_owned();
                        return Err(TableError::Charset { path, line, charset });
                    }
                }
            }
            if last {
                return Ok(charset);
            }
            bytes.clear();
            source.take(CHUNK as u64).read_to_end(&mut bytes).map_err(read)?;
        }
    }
}

/// The beginning of a source as text, cut after its last whole line where it has one.
pub(super) fn head(source: &mut impl Read, charset: Charset) -> io::Result<String> {
    let mut bytes = Vec::with_capacity(CHUNK);
    source.take(CHUNK as u64).read_to_end(&mut bytes)?;
    let (text, _) = charset.encoding().decode_with_bom_removal(&bytes);
    let whole = bytes.len() < CHUNK;
    let end = text.rfind('\n').filter(|_| !whole).map_or(text.len(), |at| at + 1);
    Ok(text[..end].to_owned())
}

/// Stands alone on a last line after the file's own text. If a reader of rows does not find it
/// alone, a quotation mark is still open. No keyboard writes it.
pub(super) const END_MARK: &str = "\u{1e}\u{10ffff}\u{1e}";

/// A file as UTF-8 in which every line ends with a line feed alone, followed by [`END_MARK`].
pub(super) struct TextReader {
    source: Box<dyn Read + Send>,
    decoder: Decoder,
    bytes: Vec<u8>,
    text: String,
    taken: usize,
    passed: u64,
    carriage_return: bool,
    ended: bool,
}

impl fmt::Debug for TextReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TextReader(..)")
    }
}

impl TextReader {
    pub(super) fn new(source: Box<dyn Read + Send>, charset: Charset) -> Self {
        Self {
            source,
            decoder: charset.encoding().new_decoder_with_bom_removal(),
            bytes: Vec::with_capacity(CHUNK),
            text: String::new(),
            taken: 0,
            passed: 0,
            carriage_return: false,
            ended: false,
        }
    }

    /// Bytes of the source that have been decoded.
    pub(super) fn passed(&self) -> u64 {
        self.passed
    }

    fn fill(&mut self) -> io::Result<()> {
        self.bytes.clear();
        (&mut self.source).take(CHUNK as u64).read_to_end(&mut self.bytes)?;
        self.passed += self.bytes.len() as u64;
        self.ended = self.bytes.is_empty();
        let mut decoded = String::with_capacity(
            self.decoder.max_utf8_buffer_length(self.bytes.len()).unwrap_or(4 * CHUNK),
        );
        let (_, used, _) = self.decoder.decode_to_string(&self.bytes, &mut decoded, self.ended);
        debug_assert_eq!(used, self.bytes.len());
        self.text.clear();
        self.taken = 0;
        for letter in decoded.chars() {
            match letter {
                '\n' if self.carriage_return => {}
                '\n' | '\r' => self.text.push('\n'),
                other => self.text.push(other),
            }
            self.carriage_return = letter == '\r';
        }
        if self.ended {
            self.text.push('\n');
            self.text.push_str(END_MARK);
        }
        Ok(())
    }
}

impl Read for TextReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        while self.taken == self.text.len() && !self.ended {
            self.fill()?;
        }
        let rest = &self.text.as_bytes()[self.taken..];
        let len = rest.len().min(out.len());
        out[..len].copy_from_slice(&rest[..len]);
        self.taken += len;
        Ok(len)
    }
}
