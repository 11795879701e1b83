/// Returns the byte offset of the character at PostgreSQL's `position`, which counts characters from 1.
pub(crate) fn byte_offset(sql: &str, position: usize) -> Option<usize> {
    let (offset, _) = sql.char_indices().nth(position.checked_sub(1)?)?;
    Some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_counts_characters() {
        let sql = "a\r\nüb ü\nc";
        assert_eq!(&sql[byte_offset(sql, 7).unwrap()..], "ü\nc");
        assert_eq!(byte_offset(sql, 0), None);
        assert_eq!(byte_offset(sql, 99), None);
    }
}
