//! Attack 30: no policy, a policy that fails, load.

use std::sync::Arc;

use bailiwick::capability::{Kind, Scope};
use bailiwick::guard::Decision;
use bailiwick_integration_tests::support::Home;
use bailiwick_integration_tests::support::calls::{once, read};
use bailiwick_integration_tests::support::decisions::Always;

#[tokio::test]
async fn attack_30_without_its_policy_the_guard_denies() {
    let home = Home::new();
    let held = home.held(&read());
    assert_eq!(
        once(&home.guard().require_policy().build(), &held).await,
        Some(Kind::Policy)
    );
    for (said, expected) in [
        (Ok(Decision::Permit), None),
        (Ok(Decision::Deny("no".to_owned())), Some(Kind::Policy)),
        (Err("the engine failed".to_owned()), Some(Kind::Policy)),
        (Ok(Decision::Ask("who?".to_owned())), Some(Kind::Approval)),
    ] {
        let guard = home
            .guard()
            .require_policy()
            .policy(Arc::new(Always(said.clone())))
            .build();
        assert_eq!(once(&guard, &held).await, expected, "{said:?}");
        // It only adds refusals.
        let none = home.held(&Scope::new());
        assert_eq!(once(&guard, &none).await, Some(Kind::Tool), "{said:?}");
    }
}
