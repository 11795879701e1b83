use convert_case::{Boundary, Case, Casing};

/// `text` in another case. A digit does not begin a word: `v2_prices` stays as it is in snake case.
pub(crate) fn to_case(text: &str, case: Case<'_>) -> String {
    text.remove_boundaries(&Boundary::digits()).to_case(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_at_separators_and_capitals_but_not_at_digits() {
        assert_eq!(to_case("AddPrice v2-x1", Case::Snake), "add_price_v2_x1");
        assert_eq!(to_case("order_lines2", Case::Pascal), "OrderLines2");
    }
}
