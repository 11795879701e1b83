/// How a text file marks its start and ends its lines, so that an edited file keeps both.
///
/// Everything in this crate works on texts with `\n` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineEndings {
    byte_order_mark: bool,
    carriage_returns: bool,
}

impl LineEndings {
    /// What `text` does. The first line decides.
    pub(crate) fn of(text: &str) -> Self {
        let first_line = text.split_inclusive('\n').next().unwrap_or_default();
        Self {
            byte_order_mark: text.starts_with('\u{feff}'),
            carriage_returns: first_line.ends_with("\r\n"),
        }
    }

    /// `text` with line feeds only and without a byte order mark.
    pub(crate) fn plain(text: &str) -> String {
        text.trim_start_matches('\u{feff}').replace("\r\n", "\n")
    }

    /// A plain text in this style.
    pub(crate) fn restore(self, plain: &str) -> String {
        let text = if self.carriage_returns {
            plain.replace('\n', "\r\n")
        } else {
            plain.to_owned()
        };
        if self.byte_order_mark {
            format!("\u{feff}{text}")
        } else {
            text
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_comes_back_as_it_was() {
        for text in ["", "a\nb\n", "a\r\nb\r\n", "\u{feff}a\r\n", "a"] {
            let plain = LineEndings::plain(text);
            assert!(!plain.contains('\r') && !plain.contains('\u{feff}'));
            assert_eq!(LineEndings::of(text).restore(&plain), text);
        }
    }
}
