//! Column comments as Rust docs and `.proto` comments, escaped so that they cannot act as code, markup or a line end.

use crate::Printable;

/// The comment's lines for rustdoc: every character that Markdown, HTML or rustdoc would interpret is escaped.
pub(super) fn markdown(comment: &str) -> Vec<String> {
    lines(comment).map(|line| escape(&line)).collect()
}

/// The comment's lines, safe after `//`.
pub(super) fn plain(comment: &str) -> Vec<String> {
    lines(comment).collect()
}

fn lines(comment: &str) -> impl Iterator<Item = String> {
    // In Markdown, four spaces at the start of a line mark code.
    comment.trim().lines().map(|line| Printable(line.trim()).to_string())
}

fn escape(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + 8);
    let chars: Vec<char> = line.chars().collect();
    for (i, &c) in chars.iter().enumerate() {
        if acts(&chars, i) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Whether Markdown would interpret the character at this position.
fn acts(line: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|i| line.get(i));
    let after = line.get(at + 1);
    let is_word = |c: Option<&char>| c.is_some_and(|c| c.is_alphanumeric());
    match line[at] {
        '\\' | '`' | '*' | '[' | ']' | '<' | '>' | '|' | '~' => true,
        // An entity: `&amp;`, `&#42;`.
        '&' => is_word(after) || after == Some(&'#'),
        // Inside a word an underscore is literal.
        '_' => !(is_word(before) && is_word(after)),
        // rustdoc warns about a bare URL.
        ':' => after == Some(&'/'),
        // A heading, a list, a rule or a quote, only at the start of a line.
        '#' | '-' | '+' | '=' | '!' | '@' | '/' => before.is_none(),
        // `1.` and `1)` begin a list.
        '.' | ')' => at > 0 && line[..at].iter().all(char::is_ascii_digit),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_markdown_would_act_on_is_escaped() {
        for (comment, expected) in [
            ("Event id, unique", "Event id, unique"),
            ("depth_km in _km_", "depth_km in \\_km\\_"),
            ("    indented code", "indented code"),
            ("```rust", "\\`\\`\\`rust"),
            ("see [Vec] <b>", "see \\[Vec\\] \\<b\\>"),
            ("1. first", "1\\. first"),
            ("a & b &amp; c", "a & b \\&amp; c"),
            ("- a - b", "\\- a - b"),
            ("http://x.y", "http\\://x.y"),
            ("a\u{2028}b\u{202e}", "a\\\\u{2028}b\\\\u{202e}"),
        ] {
            assert_eq!(markdown(comment).join("\n"), expected, "{comment}");
        }
    }

    #[test]
    fn lines_stay_apart_and_the_edges_go() {
        assert_eq!(plain("\n two \r\nlines\rnot three\n\n"), ["two", "lines\\rnot three"]);
        assert!(plain("  ").is_empty());
    }
}
