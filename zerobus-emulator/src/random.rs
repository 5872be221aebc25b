//! Random text from the system's cryptographic source, for tokens, secrets and names that must not be guessed.

const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Letters and digits.
pub(crate) fn text(length: usize) -> String {
    let mut text = String::with_capacity(length);
    let mut bytes = [0; 64];
    while text.len() < length {
        fill(&mut bytes);
        // Bytes beyond the last whole alphabet would make the first letters more likely.
        let letters = bytes.iter().filter(|byte| usize::from(**byte) < 4 * ALPHABET.len());
        let letters = letters.map(|byte| char::from(ALPHABET[usize::from(*byte) % ALPHABET.len()]));
        text.extend(letters.take(length - text.len()));
    }
    text
}

#[expect(clippy::expect_used, reason = "every system that this crate runs on has a source of randomness")]
fn fill(bytes: &mut [u8]) {
    getrandom::fill(bytes).expect("the system has a source of randomness");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_have_their_length_and_differ() {
        let texts: std::collections::BTreeSet<String> = (0..100).map(|_| text(48)).collect();
        assert_eq!(texts.len(), 100);
        assert!(texts.iter().all(|text| text.len() == 48 && text.bytes().all(|byte| byte.is_ascii_alphanumeric())));
    }
}
