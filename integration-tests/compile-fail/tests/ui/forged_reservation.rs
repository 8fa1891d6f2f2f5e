use bailiwick::guard::Reservation;
use bailiwick::id::CallId;

fn reservation(id: CallId) -> Reservation {
    Reservation { id }
}

fn main() {}
