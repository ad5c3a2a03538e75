//! Expressions of the facts: C's arithmetic and logic over symbols.
//!
//! ```text
//!   CONFIG_SPIRAM && !CONFIG_X == 0x20000        0x3fff4000+CONFIG_Y/2        _iram_start-0x70000        ROM:entry
//! ```

/// The value of `text`, with `symbol` for the values of names. Logic is 0 and 1.
pub(crate) fn evaluate(text: &str, symbol: &dyn Fn(&str) -> i64) -> i64 {
    let mut reader = Reader {
        words: words(text),
        symbol,
    };
    let value = reader.binary(0);
    assert!(reader.words.is_empty(), "{text:?} goes on");
    value
}

/// The names in `text`.
pub(crate) fn names(text: &str) -> Vec<&str> {
    let mut names = words(text);
    names.retain(|word| word.starts_with(|letter: char| letter.is_alphabetic() || letter == '_'));
    names
}

const LEVELS: [&[&str]; 6] = [
    &["||"],
    &["&&"],
    &["==", "!="],
    &[">", "<"],
    &["+", "-"],
    &["*", "/"],
];

struct Reader<'a> {
    words: Vec<&'a str>,
    symbol: &'a dyn Fn(&str) -> i64,
}

impl<'a> Reader<'a> {
    fn binary(&mut self, level: usize) -> i64 {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut value = self.binary(level + 1);
        while let Some(operator) = self.take(operators) {
            let right = self.binary(level + 1);
            value = match operator {
                "||" => i64::from(value != 0 || right != 0),
                "&&" => i64::from(value != 0 && right != 0),
                "==" => i64::from(value == right),
                "!=" => i64::from(value != right),
                ">" => i64::from(value > right),
                "<" => i64::from(value < right),
                "+" => value + right,
                "-" => value - right,
                "*" => value * right,
                _ => value / right,
            };
        }
        value
    }

    fn unary(&mut self) -> i64 {
        if self.take(&["!"]).is_some() {
            return i64::from(self.unary() == 0);
        }
        if self.take(&["("]).is_some() {
            let value = self.binary(0);
            assert!(self.take(&[")"]).is_some(), "a parenthesis is open");
            return value;
        }
        let word = self.words.remove(0);
        match (word.strip_prefix("0x"), word.parse()) {
            (Some(digits), _) => i64::from_str_radix(digits, 16).unwrap(),
            (None, Ok(number)) => number,
            (None, Err(_)) => (self.symbol)(word),
        }
    }

    fn take(&mut self, which: &[&str]) -> Option<&'a str> {
        let is_there = self.words.first().is_some_and(|word| which.contains(word));
        is_there.then(|| self.words.remove(0))
    }
}

fn words(text: &str) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start());
    while !rest.is_empty() {
        let is_name = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
        let length = match rest.find(|letter| !is_name(letter)) {
            Some(0) if ["&&", "||", "==", "!="].contains(&rest.get(..2).unwrap_or("")) => 2,
            Some(0) => 1,
            Some(length) => length,
            None => rest.len(),
        };
        let (word, behind) = rest.split_at(length);
        words.push(word);
        rest = behind.trim_start();
    }
    words
}

#[test]
fn expressions_bind_as_in_c() {
    let value = |text| {
        evaluate(text, &|name| match name {
            "ON" | "_one" => 1,
            "ROM:entry" => 0x3FCE_EE34,
            _ => 0,
        })
    };
    assert_eq!(value("0x10+_one*4/2-1"), 17);
    assert_eq!(value("ON && !OFF || OFF"), 1);
    assert_eq!(value("OFF && (ON || ON)"), 0);
    assert_eq!(value("!ON || 5 == 0x5 && 2 > 1"), 1);
    assert_eq!(value("ROM:entry"), 0x3FCE_EE34);
    assert_eq!(
        names("!CONFIG_A && (_b > 0x10) || ROM:c"),
        ["CONFIG_A", "_b", "ROM:c"]
    );
}
