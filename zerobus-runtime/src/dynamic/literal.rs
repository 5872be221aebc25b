//! A text that others are compared with at their start: up to 16 bytes are compared at once, without a call.

/// How many bytes are compared at once.
const HEAD: usize = 16;

/// Such a text.
#[derive(Debug, Clone)]
pub(super) struct Literal {
    text: Vec<u8>,
    /// Its first bytes, and a mask of the bytes in use.
    head: u128,
    mask: u128,
}

impl Literal {
    pub(super) fn new(text: Vec<u8>) -> Self {
        let (mut head, mut mask) = ([0; HEAD], [0; HEAD]);
        for (place, byte) in text.iter().take(HEAD).enumerate() {
            (head[place], mask[place]) = (*byte, 0xff);
        }
        Self { text, head: u128::from_le_bytes(head), mask: u128::from_le_bytes(mask) }
    }

    pub(super) const fn len(&self) -> usize {
        self.text.len()
    }

    /// Whether another text begins with this one.
    #[inline]
    pub(super) fn begins(&self, other: &[u8]) -> bool {
        match other.first_chunk() {
            Some(head) if (u128::from_le_bytes(*head) ^ self.head) & self.mask != 0 => false,
            Some(_) if self.text.len() <= HEAD => true,
            _ => other.starts_with(&self.text),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_begins_with_what_the_standard_library_says(text in "[ab]{0,20}", rest in "[ab]{0,20}", cut in 0..20_usize) {
            let literal = Literal::new(text.clone().into_bytes());
            let whole = [text.as_str(), &rest].concat();
            prop_assert!(literal.begins(whole.as_bytes()));
            let other = &whole[cut.min(whole.len())..];
            prop_assert_eq!(literal.begins(other.as_bytes()), other.starts_with(&text));
            prop_assert_eq!(literal.len(), text.len());
        }
    }
}
