//! Which places count as refused already.

use super::*;

#[test]
fn a_refused_value_speaks_for_all_that_it_is_in() {
    let places: Vec<&str> = at_and_above("routes[2].match.path").collect();
    assert_eq!(places, ["routes", "routes[2]", "routes[2].match", "routes[2].match.path"]);
    assert_eq!(at_and_above("listeners").collect::<Vec<_>>(), ["listeners"]);
}
