//! Stores: in a file, killed, full, locked and slow.

mod crash;
mod faults;
mod outage;
mod outside;
mod restart;
