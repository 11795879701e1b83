use convert_case::{Boundary, Case, Casing};

/// Returns a name in another case. A digit does not begin a word: `v2_prices` is in snake case already.
pub(crate) fn to_case(name: &str, case: Case<'_>) -> String {
    name.remove_boundaries(&Boundary::digits()).to_case(case)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_begin_at_separators_and_capitals_but_not_at_digits() {
        assert_eq!(to_case("AddPrice v2-x1", Case::Snake), "add_price_v2_x1");
        assert_eq!(to_case("order_lines2", Case::Pascal), "OrderLines2");
    }
}
