//! Networks of IP addresses, as [`cidr`](crate::capability::cidr) takes them.

use std::fmt;

use crate::capability::value::normal;

/// A network in CIDR notation (RFC 4632, RFC 4291), with its host bits zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cidr {
    /// An IPv4 network.
    V4 {
        /// The first address.
        first: u32,
        /// The prefix length, 0 to 32.
        len: u8,
    },
    /// An IPv6 network.
    V6 {
        /// The first address.
        first: u128,
        /// The prefix length, 0 to 128.
        len: u8,
    },
}

impl Cidr {
    /// The first and the last address as an IPv4 pair.
    pub(crate) fn v4_range(self) -> Option<(u32, u32)> {
        match self {
            Self::V4 { first, len } => {
                let hosts = u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
                Some((first, first | hosts))
            }
            Self::V6 { .. } => None,
        }
    }

    /// The first and the last address as an IPv6 pair.
    pub(crate) fn v6_range(self) -> Option<(u128, u128)> {
        match self {
            Self::V6 { first, len } => {
                let hosts = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
                Some((first, first | hosts))
            }
            Self::V4 { .. } => None,
        }
    }

    /// Whether every address of `other` is in this network.
    pub(crate) fn contains(self, other: Self) -> bool {
        let four = self.v4_range().zip(other.v4_range());
        let six = self.v6_range().zip(other.v6_range());
        four.is_some_and(|(all, part)| all.0 <= part.0 && part.1 <= all.1)
            || six.is_some_and(|(all, part)| all.0 <= part.0 && part.1 <= all.1)
    }

    /// The two networks with a prefix one bit longer that make up this one; `None` for a single address.
    pub(crate) fn halves(self) -> Option<[Self; 2]> {
        match self {
            Self::V4 { first, len } => {
                let half = 1_u32.checked_shl(31_u32.checked_sub(u32::from(len))?)?;
                Some([first, first | half].map(|first| Self::V4 {
                    first,
                    len: len + 1,
                }))
            }
            Self::V6 { first, len } => {
                let half = 1_u128.checked_shl(127_u32.checked_sub(u32::from(len))?)?;
                Some([first, first | half].map(|first| Self::V6 {
                    first,
                    len: len + 1,
                }))
            }
        }
    }

    /// The network of `len` bits that starts at `first`; `None` where the bits do not fit.
    pub(crate) fn v4(first: u32, len: u8) -> Option<Self> {
        let hosts = u32::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        (len <= 32 && first & hosts == 0).then_some(Self::V4 { first, len })
    }

    /// The network of `len` bits that starts at `first`; `None` where the bits do not fit.
    pub(crate) fn v6(first: u128, len: u8) -> Option<Self> {
        let hosts = u128::MAX.checked_shr(u32::from(len)).unwrap_or(0);
        (len <= 128 && first & hosts == 0).then_some(Self::V6 { first, len })
    }
}

impl std::str::FromStr for Cidr {
    type Err = String;

    /// Reads `10.0.0.0/8` or `2001:db8::/32`; a single address is a network of one address.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{text}` is not a network such as `10.0.0.0/8` or `2001:db8::/32`, with its host bits zero"
            )
        };
        let (address, len) = match text.split_once('/') {
            Some((address, len)) if len == "0" || !len.starts_with(['0', '+']) => {
                (address, Some(len.parse::<u8>().map_err(|_| wrong())?))
            }
            Some(_) => return Err(wrong()),
            None => (text, None),
        };
        if let Some(first) = normal::ip4(address) {
            return Self::v4(first, len.unwrap_or(32)).ok_or_else(wrong);
        }
        if let Some(first) = normal::ip6(address) {
            return Self::v6(first, len.unwrap_or(128)).ok_or_else(wrong);
        }
        Err(wrong())
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::V4 { first, len } => write!(f, "{}/{len}", std::net::Ipv4Addr::from(first)),
            Self::V6 { first, len } => write!(f, "{}/{len}", std::net::Ipv6Addr::from(first)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_read_in_its_one_spelling() {
        for text in [
            "10.0.0.0/8",
            "0.0.0.0/0",
            "10.0.0.1/32",
            "2001:db8::/32",
            "::/0",
            "2001:db8::1/128",
        ] {
            let network: Cidr = text.parse().unwrap();
            assert_eq!(network.to_string(), text);
        }
        for text in [
            "10.0.0.1/8",
            "10.0.0.0/08",
            "10.0.0.0/+8",
            "10.0.0.0/33",
            "10.0.0.0/",
            "10.0.0.0/8/8",
            "2001:db8::1/32",
            "2001:db8::/032",
            "::/129",
            "::ffff:10.0.0.0/104",
            "a.org/8",
            "",
        ] {
            assert!(text.parse::<Cidr>().is_err(), "{text}");
        }
    }
}
