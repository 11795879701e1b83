/// A place in a text, as editors count: both from 1, the column in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'a> {
    pub(crate) line: usize,
    pub(crate) column: usize,
    /// The whole line, without its end.
    pub(crate) text: &'a str,
}

impl<'a> Place<'a> {
    /// The place of the byte at `offset`.
    pub(crate) fn of(text: &'a str, offset: usize) -> Self {
        let before = &text[..offset];
        let start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[offset..]
            .find('\n')
            .map_or(text.len(), |newline| offset + newline);
        Self {
            line: before.matches('\n').count() + 1,
            column: text[start..offset].chars().count() + 1,
            text: text[start..end].trim_end_matches('\r'),
        }
    }
}

/// The byte at which the character at PostgreSQL's `position` (from 1) begins.
pub(crate) fn byte_offset(text: &str, position: usize) -> Option<usize> {
    let (offset, _) = text.char_indices().nth(position.checked_sub(1)?)?;
    Some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters() {
        let text = "a\r\nüb ü\nc";
        let offset = byte_offset(text, 7).unwrap();
        assert_eq!(&text[offset..], "ü\nc");
        let place = Place::of(text, offset);
        assert_eq!((place.line, place.column, place.text), (2, 4, "üb ü"));
        assert_eq!(Place::of(text, 0).text, "a");
        assert_eq!(byte_offset(text, 0), None);
        assert_eq!(byte_offset(text, 99), None);
    }
}
