//! How a URL that was granted vets its redirects and addresses.

use std::net::IpAddr;

use super::HttpUrl;
use crate::tool::http::Vet;

impl Vet for HttpUrl {
    fn url(&self, url: &str) -> Result<(), String> {
        let Some((name, allowed)) = &self.admission().0 else {
            return Err("the URL does not belong to an allowed call".to_owned());
        };
        if allowed.by_policy() && !allowed.is(name, url) {
            let what = "a policy decides about every call here, and knows nothing of a redirect; \
                        call the tool with this URL";
            return Err(what.to_owned());
        }
        allowed
            .again(name, url)
            .map_err(|denial| denial.for_model())
    }

    fn address(&self, url: &str, ip: IpAddr) -> bool {
        self.admission()
            .0
            .as_ref()
            .is_some_and(|(name, allowed)| allowed.names_address(name, url, ip))
    }
}
