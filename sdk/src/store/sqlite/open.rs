//! Opens the file: looks whose it is, and brings it to the version of this build.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rand_core::RngCore;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::fault::StoreFile;
use crate::store::StoreError;

/// `BLWK`: says in the file whose it is.
const APPLICATION: i32 = 0x424c_574b;
/// What brings a file from each version to the next; the first makes an empty one ours.
const MIGRATIONS: [&str; 3] = [
    include_str!("schema-1.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
];

/// What a file says that it is.
enum Is {
    Empty,
    Ours(usize),
}

/// The connection that writes, to a file that is of this version.
pub(super) fn writer(file: &StoreFile, create: bool) -> Result<Connection, StoreError> {
    // Closing any handle of a file drops the locks that this process has on it, so no other code
    // opens while the file is made.
    static OPENING: Mutex<()> = Mutex::new(());
    let _alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    if create {
        make(file)?;
    }
    let conn = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let fault = |error| file.fault(&error);
    // What is not ours is left as it is: not even its log is written into it on closing.
    let keep_log = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
    conn.set_db_config(keep_log, true).map_err(fault)?;
    let found = {
        // All that is looked at is of one moment, whatever another process makes of the file.
        let _moment = conn.unchecked_transaction().map_err(fault)?;
        look(&conn, file)?
    };
    if conn.is_readonly(rusqlite::MAIN_DB).map_err(fault)? {
        let read_only = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_READONLY);
        return Err(fault(rusqlite::Error::SqliteFailure(read_only, None)));
    }
    conn.set_db_config(keep_log, false).map_err(fault)?;

    let mode = write_ahead(&conn, file).map_err(fault)?;
    if mode != "wal" {
        return Err(file.wrong(format_args!(
            "cannot have a write-ahead log (its journal is `{mode}`); keep it on a local disk"
        )));
    }
    // What was answered is on the disk, not only with the operating system.
    conn.pragma_update(None, "synchronous", "full")
        .map_err(fault)?;
    // What a refused batch did is taken back from memory, not from a file.
    conn.pragma_update(None, "temp_store", "memory")
        .map_err(fault)?;
    if !matches!(found, Is::Ours(version) if version == MIGRATIONS.len()) {
        migrate(&conn, file)?;
    }
    Ok(conn)
}

/// Asks for a write-ahead log, and gives the journal that there is then.
///
/// SQLite does not wait here for others that ask for the same at the same time, as everywhere else:
/// each holds what the other needs. So it is asked again, after a while that differs.
fn write_ahead(conn: &Connection, file: &StoreFile) -> rusqlite::Result<String> {
    let begun = Instant::now();
    loop {
        let mode = conn.query_row("PRAGMA journal_mode = wal", [], |row| row.get(0));
        match &mode {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < file.wait =>
            {
                let millis = 1 + rand_core::OsRng.next_u32() % 20;
                std::thread::sleep(Duration::from_millis(millis.into()));
            }
            _ => return mode,
        }
    }
}

/// A connection that only reads.
pub(super) fn reader(file: &StoreFile) -> Result<Connection, StoreError> {
    connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Sets how many bytes the file may grow to.
pub(super) fn limit(conn: &Connection, file: &StoreFile, bytes: u64) -> Result<(), StoreError> {
    let fault = |error| file.fault(&error);
    let size: i64 = conn
        .query_row("PRAGMA page_size", [], |row| row.get(0))
        .map_err(fault)?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / size.max(1);
    // 0 would ask what the limit is.
    let limit = format!("PRAGMA max_page_count = {}", pages.max(1));
    conn.query_row(&limit, [], |_| Ok(())).map_err(fault)
}

/// Makes an empty file, for its owner alone: arguments of calls stand in it.
fn make(file: &StoreFile) -> Result<(), StoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(&file.path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(file.wrong(format_args!(
                "cannot be made ({error}); does its directory exist, and may this process write there?"
            )))
        }
        _ => Ok(()),
    }
}

fn connect(file: &StoreFile, flags: OpenFlags) -> Result<Connection, StoreError> {
    let fault = |error| file.fault(&error);
    // Each connection stays with one thread, so it needs no lock of its own.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let conn = Connection::open_with_flags(&file.path, flags).map_err(fault)?;
    conn.busy_timeout(file.wait).map_err(fault)?;
    // A statement is planned once, and not anew for every value that is bound: otherwise each entry that
    // is appended has the last one before it looked for by a statement that is prepared again.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(fault)?;
    // What others wrote into the file runs no code that could do harm.
    conn.pragma_update(None, "trusted_schema", false)
        .map_err(fault)?;
    conn.pragma_update(None, "cell_size_check", true)
        .map_err(fault)?;
    Ok(conn)
}

/// Whose file it is; any but ours and an empty one is refused.
fn look(conn: &Connection, file: &StoreFile) -> Result<Is, StoreError> {
    let sql = "SELECT (SELECT application_id FROM pragma_application_id), \
                      (SELECT user_version FROM pragma_user_version), \
                      (SELECT count(*) FROM sqlite_schema)";
    let found = conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let (application, version, tables): (i32, i32, u32) =
        found.map_err(|error| file.fault(&error))?;
    match (application, usize::try_from(version)) {
        (0, Ok(0)) if tables == 0 => Ok(Is::Empty),
        (APPLICATION, Ok(version)) if (1..=MIGRATIONS.len()).contains(&version) => {
            Ok(Is::Ours(version))
        }
        (APPLICATION, _) => Err(file.wrong(format_args!(
            "has version {version} and this build writes version {}; use the build that wrote it, \
             or a later one. It was left as it is",
            MIGRATIONS.len()
        ))),
        _ => Err(file.wrong(
            "is a database of another application; name another path. It was left as it is",
        )),
    }
}

/// Brings the file to the version of this build, or leaves it as it was.
fn migrate(conn: &Connection, file: &StoreFile) -> Result<(), StoreError> {
    let fault = |error| file.fault(&error);
    let begun =
        rusqlite::Transaction::new_unchecked(conn, rusqlite::TransactionBehavior::Immediate);
    let transaction = begun.map_err(fault)?;
    // Another process may have been first.
    let from = match look(conn, file)? {
        Is::Empty => 0,
        Is::Ours(version) => version,
    };
    for step in MIGRATIONS.iter().skip(from) {
        conn.execute_batch(step).map_err(fault)?;
    }
    conn.pragma_update(None, "application_id", APPLICATION)
        .map_err(fault)?;
    conn.pragma_update(None, "user_version", MIGRATIONS.len())
        .map_err(fault)?;
    transaction.commit().map_err(fault)
}
