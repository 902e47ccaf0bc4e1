//! Program output as text.

use encoding_rs::{BIG5, EUC_KR, Encoding, GB18030, GBK, SHIFT_JIS, UTF_8, WINDOWS_1252};

/// The encoding that programs of this machine write when they do not write UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodePage(&'static Encoding);

impl CodePage {
    /// UTF-8, where the system has no other.
    pub const UTF_8: Self = Self(UTF_8);

    /// A Windows code page by its number; unknown ones are read as UTF-8 (nodes.md §2.5).
    pub fn of_number(number: u32) -> Self {
        Self(match number {
            54936 => GB18030,
            936 => GBK,
            950 => BIG5,
            932 => SHIFT_JIS,
            949 => EUC_KR,
            1252 => WINDOWS_1252,
            _ => UTF_8,
        })
    }

    /// Reads bytes: UTF-8 if they are that, else this code page; what cannot be read becomes U+FFFD.
    pub fn decode(self, bytes: Vec<u8>) -> String {
        match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => self.0.decode_without_bom_handling(error.as_bytes()).0.into_owned(),
        }
    }
}

/// Takes away the beginning of a character that was cut off at the end.
pub fn drop_cut_character(bytes: &mut Vec<u8>) {
    if let Err(error) = std::str::from_utf8(bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(page: u32, bytes: &[u8], expected: &str) {
        assert_eq!(CodePage::of_number(page).decode(bytes.to_vec()), expected);
    }

    #[test]
    fn bytes_are_read_by_the_code_page_of_the_console() {
        check(65001, "grüß".as_bytes(), "grüß");
        check(936, "grüß".as_bytes(), "grüß");
        check(936, &[0xC4, 0xE3, 0xBA, 0xC3], "你好");
        check(54936, &[0xC4, 0xE3, 0xBA, 0xC3], "你好");
        check(950, &[0xA7, 0x41, 0xA6, 0x6E], "你好");
        check(932, &[0x82, 0xA0], "あ");
        check(949, &[0xB0, 0xA1], "가");
        check(1252, &[0x67, 0xFC], "gü");
        check(65001, &[0x61, 0xFF, 0x62], "a\u{FFFD}b");
        check(4711, &[0xFF], "\u{FFFD}");
    }

    #[test]
    fn a_character_that_the_limit_cut_is_dropped() {
        let mut bytes = "aé".as_bytes()[..2].to_vec();
        drop_cut_character(&mut bytes);
        assert_eq!(bytes, b"a");
        let mut binary = vec![0xFF, b'a'];
        drop_cut_character(&mut binary);
        assert_eq!(binary, [0xFF, b'a']);
    }
}
