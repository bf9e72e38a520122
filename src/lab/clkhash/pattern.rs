//! Regular expressions as Python 3.11's `re` reads them, written anew for `fancy-regex`.
//!
//! What only one of the two knows is spelled out: classes by their Unicode categories, `$` and `\Z` by
//! look-ahead, `{,n}`, literal braces and brackets, inline flags, groups by number. What Python
//! refuses is refused. Not known are `\N{...}`, `(?L)` and names of groups beyond the first letters of
//! an identifier.

use fancy_regex::Regex;

/// A pattern that must match a value whole, as `re.fullmatch`.
#[derive(Debug)]
pub(super) struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern; the error says what is wrong with it.
    pub(super) fn new(pattern: &str) -> Result<Self, String> {
        Ok(Self(compile(&format!(r"\A(?:{})\z", translate(pattern)?))?))
    }

    /// Whether the whole text fits; the error says that this cannot be found out.
    pub(super) fn matches(&self, text: &str) -> Result<bool, String> {
        self.0.is_match(text).map_err(|_| "the pattern takes too many steps on it".to_owned())
    }
}

pub(super) fn compile(pattern: &str) -> Result<Regex, String> {
    Regex::new(pattern).map_err(|error| format!("the pattern cannot be compiled: {error}"))
}

#[derive(Clone, Copy, Default)]
struct Flags {
    ascii: bool,
    ignore_case: bool,
    multiline: bool,
    dot_all: bool,
    verbose: bool,
}

struct Reader<'p> {
    rest: std::iter::Peekable<std::str::Chars<'p>>,
    at: usize,
    /// Names of groups; the place is the number less one.
    groups: Vec<Option<String>>,
    /// Numbers of the groups that are not closed.
    open: Vec<usize>,
    out: String,
}

/// What the last item was, for what may follow it.
#[derive(Clone, Copy, PartialEq)]
enum Item {
    /// Nothing that can be repeated: a beginning or an anchor.
    None,
    Plain,
    Repeated,
}

/// The pattern in the syntax of `fancy-regex`, without anchors at its ends.
pub(super) fn translate(pattern: &str) -> Result<String, String> {
    let mut reader = Reader {
        rest: pattern.chars().peekable(),
        at: 0,
        groups: vec![],
        open: vec![],
        out: String::with_capacity(pattern.len() * 2),
    };
    let mut flags = Flags::default();
    reader.global_flags(&mut flags)?;
    if flags.ignore_case {
        reader.out.push_str("(?i:");
    }
    reader.alternatives(flags)?;
    if flags.ignore_case {
        reader.out.push(')');
    }
    match reader.rest.peek() {
        Some(_) => reader.fault("a ) without its ("),
        None => Ok(reader.out),
    }
}

fn literal(letter: char, out: &mut String) {
    if letter.is_alphanumeric() {
        out.push(letter);
    } else {
        out.push_str(&format!("\\x{{{:x}}}", letter as u32));
    }
}

impl Reader<'_> {
    fn fault<T>(&self, rule: &str) -> Result<T, String> {
        Err(format!("Python's re refuses the pattern at letter {}: {rule}", self.at))
    }

    fn next(&mut self) -> Option<char> {
        self.at += 1;
        self.rest.next()
    }

    fn eat(&mut self, letter: char) -> bool {
        let here = self.rest.peek() == Some(&letter);
        if here {
            self.next();
        }
        here
    }

    fn ahead(&self, text: &str) -> bool {
        let mut rest = self.rest.clone();
        text.chars().all(|letter| rest.next() == Some(letter))
    }

    fn skip(&mut self, letters: usize) {
        (0..letters).for_each(|_| {
            self.next();
        });
    }

    fn until(&mut self, end: char) -> Result<String, String> {
        let mut text = String::new();
        loop {
            match self.next() {
                Some(letter) if letter == end => return Ok(text),
                Some(letter) => text.push(letter),
                None => return self.fault(&format!("{end} is missing")),
            }
        }
    }

    /// `(?flags)` at the start of the pattern; there may be several.
    fn global_flags(&mut self, flags: &mut Flags) -> Result<(), String> {
        while self.ahead("(?") {
            let mut rest = self.rest.clone().skip(2);
            let letters: String = rest.by_ref().take_while(|letter| *letter != ')').collect();
            if letters.is_empty() || !letters.chars().all(|letter| "aiLmsux".contains(letter)) {
                return Ok(());
            }
            self.skip(letters.len() + 3);
            for letter in letters.chars() {
                self.flag(letter, true, flags)?;
            }
        }
        Ok(())
    }

    fn flag(&self, letter: char, on: bool, flags: &mut Flags) -> Result<(), String> {
        match letter {
            'a' => flags.ascii = true,
            'u' => flags.ascii = false,
            'i' => flags.ignore_case = on,
            'm' => flags.multiline = on,
            's' => flags.dot_all = on,
            'x' => flags.verbose = on,
            'L' => return self.fault("the flag L does not go with text"),
            _ => return self.fault("an unknown flag"),
        }
        Ok(())
    }

    fn alternatives(&mut self, flags: Flags) -> Result<usize, String> {
        let mut branches = 1;
        let mut before = Item::None;
        while let Some(letter) = self.rest.peek().copied() {
            if letter == ')' {
                break;
            }
            self.next();
            before = match letter {
                '|' => {
                    self.out.push('|');
                    branches += 1;
                    Item::None
                }
                ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c' if flags.verbose => before,
                '#' if flags.verbose => {
                    while self.next().is_some_and(|letter| letter != '\n') {}
                    before
                }
                '*' | '+' | '?' => self.repeat(before, &letter.to_string())?,
                '{' => match self.bounds()? {
                    Some(bounds) => self.repeat(before, &bounds)?,
                    None => {
                        literal('{', &mut self.out);
                        Item::Plain
                    }
                },
                '(' => self.group(flags, before)?,
                '[' => {
                    self.class(flags)?;
                    Item::Plain
                }
                '.' => {
                    self.out.push_str(if flags.dot_all { "(?s:.)" } else { "[^\\n]" });
                    Item::Plain
                }
                '^' => {
                    self.out.push_str(if flags.multiline { "(?m:^)" } else { r"\A" });
                    Item::None
                }
                '$' => {
                    let end = if flags.multiline { r"(?=\n|\z)" } else { r"(?=\n?\z)" };
                    self.out.push_str(end);
                    Item::None
                }
                '\\' => self.escape(flags)?,
                letter => {
                    literal(letter, &mut self.out);
                    Item::Plain
                }
            };
        }
        Ok(branches)
    }

    /// The bounds behind a `{`; none if it is a mere letter.
    fn bounds(&mut self) -> Result<Option<String>, String> {
        let mut rest = self.rest.clone();
        let mut len = 0;
        let mut number = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| {
            let mut text = String::new();
            while let Some(digit) = rest.next_if(char::is_ascii_digit) {
                text.push(digit);
                len += 1;
            }
            text
        };
        if rest.peek() == Some(&'}') {
            return Ok(None);
        }
        let low = number(&mut rest);
        let comma = rest.next_if_eq(&',').is_some();
        let high = if comma { number(&mut rest) } else { low.clone() };
        if rest.next() != Some('}') {
            return Ok(None);
        }
        self.skip(len + usize::from(comma) + 1);
        let parse = |text: &str, empty: Option<u32>| match text {
            "" => Ok(empty),
            text => text.parse().map(Some).or_else(|_| self.fault("too many repetitions")),
        };
        let (low, high) = (parse(&low, Some(0))?, parse(&high, None)?);
        let low = low.unwrap_or(0);
        match high {
            Some(high) if high < low => self.fault("more repetitions at least than at most"),
            Some(high) => Ok(Some(format!("{{{low},{high}}}"))),
            None => Ok(Some(format!("{{{low},}}"))),
        }
    }

    fn repeat(&mut self, before: Item, times: &str) -> Result<Item, String> {
        match before {
            Item::None => return self.fault("nothing to repeat"),
            Item::Repeated => return self.fault("multiple repeat"),
            Item::Plain => self.out.push_str(times),
        }
        if self.eat('?') {
            self.out.push('?');
        } else if self.eat('+') {
            self.out.push('+');
        }
        Ok(Item::Repeated)
    }

    fn group(&mut self, flags: Flags, before: Item) -> Result<Item, String> {
        if !self.eat('?') {
            return self.capture(None, flags);
        }
        match self.next() {
            Some(':') => self.inside("(?:", flags),
            Some('>') => self.inside("(?>", flags),
            Some('=') => self.inside("(?=", flags),
            Some('!') => self.inside("(?!", flags),
            Some('<') => match self.next() {
                Some('=') => self.inside("(?<=", flags),
                Some('!') => self.inside("(?<!", flags),
                _ => self.fault("unknown extension ?<; name a group with (?P<name>...)"),
            },
            Some('#') => {
                self.until(')')?;
                Ok(before)
            }
            Some('P') => match self.next() {
                Some('<') => {
                    let name = self.until('>')?;
                    self.named(&name)?;
                    if self.groups.iter().flatten().any(|known| *known == name) {
                        return self.fault("two groups of one name");
                    }
                    self.capture(Some(name), flags)
                }
                Some('=') => {
                    let name = self.until(')')?;
                    let number = self.number_of(&name)?;
                    self.reference(number)
                }
                _ => self.fault("unknown extension ?P"),
            },
            Some('(') => {
                let name = self.until(')')?;
                let number = match name.parse() {
                    Ok(number) if (1..=self.groups.len()).contains(&number) => number,
                    Ok(_) => return self.fault("a condition on a group that is not before it"),
                    Err(_) => self.number_of(&name)?,
                };
                self.out.push_str(&format!("(?({number})"));
                if self.alternatives(flags)? > 2 {
                    return self.fault("a condition with more than two branches");
                }
                self.close()
            }
            Some(letter) if "aiLmsux-".contains(letter) => self.scoped(letter, flags),
            _ => self.fault("unknown extension"),
        }
    }

    /// `(?flags-flags:...)`.
    fn scoped(&mut self, first: char, outer: Flags) -> Result<Item, String> {
        let (mut flags, mut on, mut letter) = (outer, true, first);
        loop {
            match letter {
                '-' if on => on = false,
                'a' | 'u' | 'L' if !on => {
                    return self.fault("the flags a, u and L cannot be turned off");
                }
                ':' => break,
                ')' => return self.fault("global flags not at the start"),
                letter => self.flag(letter, on, &mut flags)?,
            }
            letter = match self.next() {
                Some(letter) => letter,
                None => return self.fault("missing : behind flags"),
            };
        }
        match (outer.ignore_case, flags.ignore_case) {
            (false, true) => self.inside("(?i:", flags),
            (true, false) => self.inside("(?-i:", flags),
            _ => self.inside("(?:", flags),
        }
    }

    fn capture(&mut self, name: Option<String>, flags: Flags) -> Result<Item, String> {
        self.groups.push(name);
        let number = self.groups.len();
        self.open.push(number);
        let item = self.inside("(", flags);
        self.open.retain(|open| *open != number);
        item
    }

    fn inside(&mut self, opening: &str, flags: Flags) -> Result<Item, String> {
        self.out.push_str(opening);
        self.alternatives(flags)?;
        self.close()
    }

    fn close(&mut self) -> Result<Item, String> {
        if !self.eat(')') {
            return self.fault("a ( without its )");
        }
        self.out.push(')');
        Ok(Item::Plain)
    }

    fn named(&self, name: &str) -> Result<(), String> {
        let mut letters = name.chars();
        let first = letters.next().is_some_and(|letter| letter.is_alphabetic() || letter == '_');
        if !first || !letters.all(|letter| letter.is_alphanumeric() || letter == '_') {
            return self.fault("a bad name of a group");
        }
        Ok(())
    }

    fn number_of(&self, name: &str) -> Result<usize, String> {
        self.named(name)?;
        match self.groups.iter().position(|known| known.as_deref() == Some(name)) {
            Some(place) => Ok(place + 1),
            None => self.fault("an unknown name of a group"),
        }
    }

    fn reference(&mut self, number: usize) -> Result<Item, String> {
        if number == 0 || number > self.groups.len() {
            return self.fault("a reference to a group that is not before it");
        }
        if self.open.contains(&number) {
            return self.fault("a reference to an open group");
        }
        self.out.push_str(&format!("(?:\\{number})"));
        Ok(Item::Plain)
    }

    fn escape(&mut self, flags: Flags) -> Result<Item, String> {
        let Some(letter) = self.next() else { return self.fault("a \\ at the end") };
        let anchor = match letter {
            'A' => Some(r"\A".to_owned()),
            'Z' => Some(r"\z".to_owned()),
            'b' | 'B' => {
                let word = format!("[{}]", class('w', flags.ascii));
                Some(if letter == 'b' {
                    format!("(?:(?<={word})(?!{word})|(?<!{word})(?={word}))")
                } else {
                    format!("(?:(?<={word})(?={word})|(?<!{word})(?!{word}))")
                })
            }
            _ => None,
        };
        if let Some(anchor) = anchor {
            self.out.push_str(&anchor);
            return Ok(Item::None);
        }
        if letter.is_ascii_digit() && letter != '0' {
            let second = self.rest.next_if(char::is_ascii_digit);
            let octal = |letter: char| ('0'..='7').contains(&letter);
            if let Some(second) = second {
                self.at += 1;
                if octal(letter)
                    && octal(second)
                    && let Some(third) = self.rest.next_if(|letter| octal(*letter))
                {
                    self.at += 1;
                    return self.octal(&[letter, second, third]);
                }
                let number =
                    letter.to_digit(10).unwrap_or(0) * 10 + second.to_digit(10).unwrap_or(0);
                return self.reference(number as usize);
            }
            return self.reference(letter.to_digit(10).unwrap_or(0) as usize);
        }
        match self.in_class_or_out(letter)? {
            Escape::Letter(letter) => literal(letter, &mut self.out),
            Escape::Class(name) => {
                let negated = name.is_ascii_uppercase();
                let class = class(name.to_ascii_lowercase(), flags.ascii);
                self.out.push_str(&format!("[{}{class}]", if negated { "^" } else { "" }));
            }
        }
        Ok(Item::Plain)
    }

    fn octal(&mut self, digits: &[char]) -> Result<Item, String> {
        let code = digits.iter().fold(0, |sum, digit| sum * 8 + digit.to_digit(8).unwrap_or(0));
        match char::from_u32(code).filter(|_| code <= 0o377) {
            Some(letter) => {
                literal(letter, &mut self.out);
                Ok(Item::Plain)
            }
            None => self.fault("an octal escape above \\377"),
        }
    }

    /// An escape that means the same in a class and outside.
    fn in_class_or_out(&mut self, letter: char) -> Result<Escape, String> {
        Ok(Escape::Letter(match letter {
            'd' | 'D' | 's' | 'S' | 'w' | 'W' => return Ok(Escape::Class(letter)),
            'a' => '\x07',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            'x' => self.hex(2)?,
            'u' => self.hex(4)?,
            'U' => self.hex(8)?,
            '0'..='7' => {
                let mut code = letter.to_digit(8).unwrap_or(0);
                for _ in 0..2 {
                    let Some(digit) = self.rest.peek().and_then(|next| next.to_digit(8)) else {
                        break;
                    };
                    self.next();
                    code = code * 8 + digit;
                }
                match char::from_u32(code).filter(|_| code <= 0o377) {
                    Some(letter) => letter,
                    None => return self.fault("an octal escape above \\377"),
                }
            }
            'N' => return self.fault("\\N{...} is not known to this program; write the letter"),
            letter if letter.is_ascii_alphanumeric() => {
                return self.fault(&format!("bad escape \\{letter}"));
            }
            letter => letter,
        }))
    }

    fn hex(&mut self, digits: usize) -> Result<char, String> {
        let mut code = 0;
        for _ in 0..digits {
            match self.next().and_then(|digit| digit.to_digit(16)) {
                Some(digit) => code = code * 16 + digit,
                None => return self.fault("an incomplete escape"),
            }
        }
        char::from_u32(code).map_or_else(|| self.fault("an escape that is no letter"), Ok)
    }

    fn class(&mut self, flags: Flags) -> Result<(), String> {
        let mut out = String::from("[");
        if self.eat('^') {
            out.push('^');
        }
        let mut first = true;
        loop {
            let Some(letter) = self.next() else { return self.fault("a [ without its ]") };
            if letter == ']' && !first {
                break;
            }
            first = false;
            let low = self.class_item(letter)?;
            // A - before the ] is a letter.
            let range = self.rest.peek() == Some(&'-') && {
                let mut rest = self.rest.clone();
                rest.next();
                rest.peek() != Some(&']')
            };
            if range {
                self.next();
                let Some(letter) = self.next() else { return self.fault("a [ without its ]") };
                match (low, self.class_item(letter)?) {
                    (Escape::Letter(low), Escape::Letter(high)) if low <= high => {
                        literal(low, &mut out);
                        out.push('-');
                        literal(high, &mut out);
                    }
                    _ => return self.fault("a bad range of letters"),
                }
                continue;
            }
            match low {
                Escape::Letter(letter) => literal(letter, &mut out),
                Escape::Class(name) if name.is_ascii_lowercase() => {
                    out.push_str(class(name, flags.ascii));
                }
                Escape::Class(name) => {
                    out.push_str(&format!("[^{}]", class(name.to_ascii_lowercase(), flags.ascii)));
                }
            }
        }
        out.push(']');
        self.out.push_str(&out);
        Ok(())
    }

    fn class_item(&mut self, letter: char) -> Result<Escape, String> {
        if letter != '\\' {
            return Ok(Escape::Letter(letter));
        }
        match self.next() {
            Some('b') => Ok(Escape::Letter('\x08')),
            Some(letter) => self.in_class_or_out(letter),
            None => self.fault("a \\ at the end"),
        }
    }
}

#[derive(Clone, Copy)]
enum Escape {
    Letter(char),
    /// `d`, `s`, `w`, or in upper case what they are not.
    Class(char),
}

/// The inside of a class: Python's letters are categories L and N, its spaces have the four
/// separators of ASCII too.
fn class(name: char, ascii: bool) -> &'static str {
    match (name, ascii) {
        ('d', false) => r"\p{Nd}",
        ('d', true) => "0-9",
        ('s', false) => r"\p{White_Space}\x1c-\x1f",
        ('s', true) => r"\x20\t\n\r\x0b\x0c",
        (_, false) => r"\p{L}\p{N}_",
        (_, true) => "a-zA-Z0-9_",
    }
}
