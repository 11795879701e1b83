/// The line endings of a file and whether it begins with a byte order mark, so that an edit keeps both.
///
/// All code in this crate works on strings with `\n` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LineEndings {
    byte_order_mark: bool,
    carriage_returns: bool,
}

impl LineEndings {
    /// Returns the line endings of a file's contents. The first line decides.
    pub(crate) fn of(contents: &str) -> Self {
        let first_line = contents.split_inclusive('\n').next().unwrap_or_default();
        Self {
            byte_order_mark: contents.starts_with('\u{feff}'),
            carriage_returns: first_line.ends_with("\r\n"),
        }
    }

    /// Returns contents with line feeds only and without a byte order mark.
    pub(crate) fn normalize(contents: &str) -> String {
        contents
            .trim_start_matches('\u{feff}')
            .replace("\r\n", "\n")
    }

    /// Returns normalized contents with these line endings.
    pub(crate) fn restore(self, normalized: &str) -> String {
        let contents = if self.carriage_returns {
            normalized.replace('\n', "\r\n")
        } else {
            normalized.to_owned()
        };
        if self.byte_order_mark {
            format!("\u{feff}{contents}")
        } else {
            contents
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normalized_contents_are_restored() {
        for contents in ["", "a\nb\n", "a\r\nb\r\n", "\u{feff}a\r\n", "a"] {
            let normalized = LineEndings::normalize(contents);
            assert!(!normalized.contains('\r') && !normalized.contains('\u{feff}'));
            assert_eq!(LineEndings::of(contents).restore(&normalized), contents);
        }
    }
}
