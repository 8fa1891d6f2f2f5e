//! Tools over [`Http`], ready to be put into a toolbox.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Http, Response};
use crate::capability::Risk;
use crate::guard::Effect;
use crate::tool::{
    Arguments, Declaration, HttpUrl, Invocation, Parameter, Resource, Tool, ToolError,
};

/// The page to get.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    url: HttpUrl,
}

impl Arguments for Which {
    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": { "url": HttpUrl::schema() },
            "required": ["url"],
            "additionalProperties": false,
        })
    }

    fn resources(&mut self) -> Vec<(&'static str, &mut dyn Resource)> {
        vec![("url", &mut self.url)]
    }
}

/// The URL to post to, and the text.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sent {
    url: HttpUrl,
    body: String,
}

impl Arguments for Sent {
    fn schema() -> Value {
        json!({
            "type": "object",
            "properties": { "url": HttpUrl::schema(), "body": String::schema() },
            "required": ["url", "body"],
            "additionalProperties": false,
        })
    }

    fn resources(&mut self) -> Vec<(&'static str, &mut dyn Resource)> {
        vec![("url", &mut self.url)]
    }
}

/// What a server answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Answer {
    status: u16,
    url: String,
    body: String,
}

impl Answer {
    fn of(response: Response) -> Result<Self, ToolError> {
        let (status, url) = (response.status(), response.url().to_owned());
        Ok(Self {
            status,
            url,
            body: response.into_text()?,
        })
    }
}

/// `http.get {url}`: status, final URL and UTF-8 body. What it reads has the taint `web`.
#[derive(Clone, Debug)]
pub struct HttpGet {
    http: Http,
}

impl HttpGet {
    /// The tool over this handle.
    #[must_use]
    pub fn new(http: &Http) -> Self {
        Self { http: http.clone() }
    }
}

#[async_trait]
impl Tool for HttpGet {
    type Args = Which;
    type Output = Answer;

    fn declaration(&self) -> Declaration {
        Declaration::new("http.get", Effect::Read, Risk::Low)
            .describe("Get a web page: its status, URL after redirects, and text.")
            .taints(["web"])
            .idempotent()
    }

    async fn call(&self, Which { url }: Which, _: Invocation) -> Result<Answer, ToolError> {
        Answer::of(self.http.get(&url).await?)
    }
}

/// `http.post {url, body}`: sends text out. What comes back has the taint `web`.
#[derive(Clone, Debug)]
pub struct HttpPost {
    http: Http,
}

impl HttpPost {
    /// The tool over this handle.
    #[must_use]
    pub fn new(http: &Http) -> Self {
        Self { http: http.clone() }
    }
}

#[async_trait]
impl Tool for HttpPost {
    type Args = Sent;
    type Output = Answer;

    fn declaration(&self) -> Declaration {
        Declaration::new("http.post", Effect::Send, Risk::Medium)
            .describe("Post text to a web address; gives status, URL and text of the answer.")
            .taints(["web"])
    }

    async fn call(&self, Sent { url, body }: Sent, _: Invocation) -> Result<Answer, ToolError> {
        Answer::of(self.http.post(&url, body).await?)
    }
}
