//! What kind of place an address leads to.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The kind of place that an address leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum AddressClass {
    /// Globally reachable.
    Public,
    /// This machine.
    Loopback,
    /// A private network: RFC 1918, unique and site local IPv6, local NAT64.
    Private,
    /// The local link.
    LinkLocal,
    /// A cloud's metadata or credentials service.
    Metadata,
    /// A group of machines.
    Multicast,
    /// The unspecified address, which many systems take for this machine.
    Unspecified,
    /// Everyone on the link.
    Broadcast,
    /// Reserved for examples in documents.
    Documentation,
    /// Behind a carrier's address translation, 100.64.0.0/10.
    SharedCgnat,
    /// For measuring networks.
    Benchmark,
    /// Not assigned, or for a protocol of its own.
    Reserved,
}

impl fmt::Display for AddressClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Public => "public",
            Self::Loopback => "loopback",
            Self::Private => "private",
            Self::LinkLocal => "link-local",
            Self::Metadata => "cloud metadata",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Broadcast => "broadcast",
            Self::Documentation => "documentation",
            Self::SharedCgnat => "carrier-shared",
            Self::Benchmark => "benchmark",
            Self::Reserved => "reserved",
        })
    }
}

/// Classes an address; IPv6 that carries an IPv4 address (mapped, compatible, 6to4, NAT64, Teredo,
/// ISATAP) is of the class of what it carries.
#[must_use]
pub fn class(address: IpAddr) -> AddressClass {
    match address {
        IpAddr::V4(address) => class4(address),
        IpAddr::V6(address) => class6(address),
    }
}

fn class4(address: Ipv4Addr) -> AddressClass {
    match address.octets() {
        // AWS, Azure, GCP and most others; ECS; EKS; Tencent; Scaleway; Alibaba; Oracle; Azure's
        // wire server, which stands in public space.
        [169, 254, 169, 254]
        | [169, 254, 170, 2 | 23]
        | [169, 254, 0, 23]
        | [169, 254, 42, 42]
        | [100, 100, 100, 200]
        | [192, 0, 0, 192]
        | [168, 63, 129, 16] => AddressClass::Metadata,
        [0, 0, 0, 0] => AddressClass::Unspecified,
        [255, 255, 255, 255] => AddressClass::Broadcast,
        [127, ..] => AddressClass::Loopback,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => AddressClass::Private,
        [169, 254, ..] => AddressClass::LinkLocal,
        [100, 64..=127, ..] => AddressClass::SharedCgnat,
        [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => AddressClass::Documentation,
        [198, 18..=19, ..] => AddressClass::Benchmark,
        [224..=239, ..] => AddressClass::Multicast,
        [0 | 240..=255, ..] | [192, 0, 0, _] | [192, 88, 99, _] => AddressClass::Reserved,
        _ => AddressClass::Public,
    }
}

fn class6(address: Ipv6Addr) -> AddressClass {
    let segments = address.segments();
    match segments {
        // AWS, GCP, Oracle, Scaleway.
        [0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254]
        | [0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254]
        | [0xfd00, 0xc1, 0, 0, 0, 0, 0xa9fe, 0xa9fe]
        | [0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42] => AddressClass::Metadata,
        [0, 0, 0, 0, 0, 0, 0, 0] => AddressClass::Unspecified,
        [0, 0, 0, 0, 0, 0, 0, 1] => AddressClass::Loopback,
        // Compatible, mapped, translated (RFC 2765), NAT64.
        [0, 0, 0, 0, 0, 0, high, low]
        | [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => class4(carried(high, low)),
        [0x64, 0xff9b, 1, ..] => AddressClass::Private,
        // 6to4 and Teredo, whose server and client may each point inside.
        [0x2002, high, low, ..] => class4(carried(high, low)),
        [0x2001, 0, server_high, server_low, _, _, high, low] => {
            match class4(carried(server_high, server_low)) {
                AddressClass::Public => class4(carried(!high, !low)),
                other => other,
            }
        }
        [0xfe80..=0xfebf, ..] => AddressClass::LinkLocal,
        [0xfc00..=0xfdff, ..] | [0xfec0..=0xfeff, ..] => AddressClass::Private,
        [0xff00..=0xffff, ..] => AddressClass::Multicast,
        [0x2001, 0xdb8, ..] | [0x3fff, 0..=0xfff, ..] => AddressClass::Documentation,
        [0x2001, 2, 0, ..] => AddressClass::Benchmark,
        // The rest of the protocol block 2001::/23.
        [0x2001, 0..=0x1ff, ..] => AddressClass::Reserved,
        // ISATAP.
        [0x2000..=0x3fff, _, _, _, 0 | 0x200, 0x5efe, high, low] => class4(carried(high, low)),
        [0x2000..=0x3fff, ..] => AddressClass::Public,
        _ => AddressClass::Reserved,
    }
}

const fn carried(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from_bits(((high as u32) << 16) | low as u32)
}
