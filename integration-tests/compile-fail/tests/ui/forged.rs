use bailiwick::guard::{Checked, Permit};
use bailiwick::id::CallId;
use bailiwick::tool::{Invocation, State};

fn permit(id: CallId) -> Permit {
    Permit { id }
}

fn made(id: CallId) -> Permit {
    Permit::new(id)
}

fn checked() -> Checked {
    Checked(())
}

fn invocation(permit: Permit) -> Invocation {
    Invocation::new(permit, Default::default())
}

fn state() -> State<u8> {
    State(std::sync::Arc::new(7))
}

fn main() {}
