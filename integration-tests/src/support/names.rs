//! A resolver whose answers are written down, one after another, and counted.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use bailiwick::tool::http::Resolve;

/// Each name has its answers; the last one stays.
#[derive(Clone, Default)]
pub struct Names {
    answers: Arc<Mutex<HashMap<String, Vec<Vec<IpAddr>>>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Names {
    /// `name` has these answers, one look-up after another.
    pub fn set(&self, name: &str, answers: &[&[&str]]) {
        let parsed = answers
            .iter()
            .map(|answer| answer.iter().map(|ip| ip.parse().unwrap()).collect());
        self.answers
            .lock()
            .unwrap()
            .insert(name.to_owned(), parsed.collect());
    }

    /// The names that were looked up since this was last asked.
    pub fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

#[async_trait::async_trait]
impl Resolve for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        let known = answers
            .get_mut(host)
            .ok_or_else(|| io::Error::other("no such host"))?;
        Ok(match known.len() {
            1 => known[0].clone(),
            _ => known.remove(0),
        })
    }
}
