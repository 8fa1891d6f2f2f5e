//! The answer, read up to its limits.

use super::HttpError;

/// The most that names and values of an answer's headers may take.
const MAX_HEAD: usize = 32 << 10;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    status: u16,
    url: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Response {
    /// The status code.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The URL that answered, after redirects.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The headers, names in lower case. Cookies and values that are not ASCII are left out.
    #[must_use]
    pub fn headers(&self) -> &[(String, String)] {
        &self.headers
    }

    /// The first header of that name, in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes the body out of the answer, without a copy.
    #[must_use]
    pub fn into_body(self) -> Vec<u8> {
        self.body
    }

    /// The body as UTF-8 text.
    ///
    /// # Errors
    ///
    /// [`HttpError::NotText`].
    pub fn into_text(self) -> Result<String, HttpError> {
        let Self { url, body, .. } = self;
        String::from_utf8(body).map_err(|_| HttpError::NotText { url })
    }

    /// Reads the answer, counting the body as it is handed over, so after any decoding.
    pub(super) async fn read(
        mut answer: reqwest::Response,
        max_body: usize,
    ) -> Result<Self, HttpError> {
        let url = answer.url().clone();
        let too_large = |part, max| HttpError::TooLarge {
            url: url.to_string(),
            part,
            max,
        };

        let mut head = 0_usize;
        let mut headers = Vec::new();
        for (name, value) in answer.headers() {
            head = head
                .saturating_add(name.as_str().len())
                .saturating_add(value.len());
            if head > MAX_HEAD {
                return Err(too_large("head", MAX_HEAD));
            }
            // A session is a credential, and the answer goes to a model.
            if name != reqwest::header::SET_COOKIE
                && let Ok(value) = value.to_str()
            {
                headers.push((name.as_str().to_owned(), value.to_owned()));
            }
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer
            .chunk()
            .await
            .map_err(|e| HttpError::transport(&url, e))?
        {
            if chunk.len() > max_body - body.len() {
                return Err(too_large("body", max_body));
            }
            body.extend_from_slice(&chunk);
        }
        Ok(Self {
            status: answer.status().as_u16(),
            url: url.into(),
            headers,
            body,
        })
    }
}
