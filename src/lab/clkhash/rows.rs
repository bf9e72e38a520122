//! Rows of a CSV file as Python's `csv.reader` gives them of a file opened as text: line ends of any
//! kind are one `\n`, also within quotes; an empty line is a row without values; a quote is special at
//! the begin of a value only, and what follows the closing one still belongs to the value.

/// Walks through the rows of a text.
pub(super) struct Rows<'t> {
    rest: &'t [u8],
    /// Values of the row that was read last, one behind the other.
    text: String,
    ends: Vec<usize>,
    /// Line on which that row begins, from 1.
    pub(super) line: usize,
    next_line: usize,
}

impl<'t> Rows<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let (text, rest) = (String::new(), text.as_bytes());
        Self { rest, text, ends: vec![], line: 0, next_line: 1 }
    }

    /// Reads a row; false at the end.
    pub(super) fn read(&mut self) -> bool {
        self.line = self.next_line;
        let mut text = std::mem::take(&mut self.text).into_bytes();
        text.clear();
        self.ends.clear();
        let mut at = 0;
        let rest = self.rest;
        if rest.is_empty() {
            return false;
        }
        'row: while let Some(first) = rest.get(at) {
            if self.ends.is_empty() && matches!(first, b'\n' | b'\r') {
                break;
            }
            let mut quoted = *first == b'"';
            at += usize::from(quoted);
            loop {
                let begin = at;
                let stop = |byte: &&u8| {
                    if quoted {
                        matches!(**byte, b'"' | b'\r' | b'\n')
                    } else {
                        matches!(**byte, b',' | b'\r' | b'\n')
                    }
                };
                at += rest[at..].iter().take_while(|byte| !stop(byte)).count();
                text.extend(&rest[begin..at]);
                match rest.get(at) {
                    Some(b',') => {
                        at += 1;
                        self.ends.push(text.len());
                        if rest.get(at).is_none_or(|byte| matches!(byte, b'\n' | b'\r')) {
                            // An empty value ends the row.
                            self.ends.push(text.len());
                            break 'row;
                        }
                        break;
                    }
                    Some(b'"') if rest.get(at + 1) == Some(&b'"') => {
                        text.push(b'"');
                        at += 2;
                    }
                    Some(b'"') => {
                        quoted = false;
                        at += 1;
                    }
                    Some(_) if quoted => {
                        text.push(b'\n');
                        at += line_end(&rest[at..]);
                        self.next_line += 1;
                    }
                    _ => {
                        self.ends.push(text.len());
                        break 'row;
                    }
                }
            }
        }
        at += line_end(&rest[at..]);
        self.next_line += 1;
        self.rest = &rest[at..];
        self.text = String::from_utf8(text).expect("cuts of a text at ASCII letters");
        true
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The values of the row.
    pub(super) fn values(&self) -> impl Iterator<Item = &str> {
        let begins = std::iter::once(0).chain(self.ends.iter().copied());
        begins.zip(&self.ends).map(|(begin, end)| &self.text[begin..*end])
    }
}

/// Bytes of the line end at the begin of a text.
fn line_end(text: &[u8]) -> usize {
    match text {
        [b'\r', b'\n', ..] => 2,
        [b'\r' | b'\n', ..] => 1,
        _ => 0,
    }
}
