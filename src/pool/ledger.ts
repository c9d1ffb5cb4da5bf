/**
 * The ledger of claims: one SQLite file in the data folder, held exclusively by one process. A batch of changes is one
 * transaction; when `write` returns, it is on the disk (write-ahead log, synchronous=FULL: one fsync a commit).
 */
import { closeSync, fsyncSync, mkdirSync, openSync, readSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { WaypostError } from '../errors.ts'
import { ADDRESS_BYTES, type Address } from '../ip/address.ts'
import { addressKey, type ClaimRecord, type OwnerRef, ownerKey } from './claims.ts'

/** An address of a network whose row is to be deleted. */
export interface RowKey {
  readonly network: string
  readonly address: Address
}

/** What the allocator needs of its ledger. */
export interface ClaimStore {
  /** Every claim, once, when the process starts. */
  load(): ClaimRecord[]
  /** Makes a set of changes durable, all or nothing. @throws WaypostError WAY_LEDGER_WRITE: nothing was changed. */
  write(puts: readonly ClaimRecord[], deletes: readonly RowKey[]): void
  close(): void
}

/** File of the ledger in the data folder. */
export const LEDGER_FILE = 'ledger.db'

/** Primary result codes of SQLite (sqlite3.h); the low byte of an extended code. */
const BUSY = 5
const LOCKED = 6
const CORRUPT = 11
const NOT_A_DATABASE = 26
/** A statement that does not fit the tables. */
const SQL_ERROR = 1

/** `PRAGMA application_id`: the letters WAYP. */
const APPLICATION_ID = 0x57415950

/** `PRAGMA user_version`: raised by every change of the tables. */
const SCHEMA_VERSION = 2

const TABLES = `
  CREATE TABLE claims (
    network  TEXT    NOT NULL,
    address  BLOB    NOT NULL CHECK (length(address) = 16),
    kind     TEXT    NOT NULL CHECK (kind IN ('Service', 'App')),
    owner    TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('bound', 'reserved', 'resting')),
    until    INTEGER CHECK ((until IS NULL) = (state = 'bound')),
    placed   INTEGER NOT NULL CHECK (placed IN (0, 1)),
    position INTEGER NOT NULL,
    shared   INTEGER NOT NULL CHECK (shared IN (0, 1)),
    PRIMARY KEY (network, address)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`

/** Version 1 knew neither reservations nor claims that the cluster shares. A check cannot be altered, so the rows move. */
const FROM_VERSION_1 = `
  ALTER TABLE claims RENAME TO claims_1;
  ${TABLES}
  INSERT INTO claims SELECT network, address, kind, owner, state, until, placed, position, 0 FROM claims_1;
  DROP TABLE claims_1;
`

const SELECT = 'SELECT network, address, kind, owner, state, until, placed, shared, position FROM claims'
const PUT = `INSERT INTO claims (network, address, kind, owner, state, until, placed, position, shared)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (network, address) DO UPDATE SET kind = excluded.kind, owner = excluded.owner, state = excluded.state,
  until = excluded.until, placed = excluded.placed, position = excluded.position, shared = excluded.shared`

/** Every database file begins with this (sqlite.org/fileformat2.html, section 1.3). */
const MAGIC = 'SQLite format 3\0'

/** Ledgers that this process has open. POSIX drops a file's locks when its process closes any descriptor of it. */
const open = new Set<string>()

/** See the top of the file. */
export class Ledger implements ClaimStore {
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #inode: number
  readonly #put: StatementSync
  readonly #delete: StatementSync

  /**
   * Opens the ledger of a data folder and makes both when they are missing. An empty file counts as missing.
   *
   * @param maxPages a limit on the size of the file, to see it full.
   * @throws WaypostError WAY_DATA_UNWRITABLE, WAY_DATA_IN_USE, WAY_LEDGER_DAMAGED (the file is left as it is).
   */
  constructor(directory: string, maxPages: number | null = null) {
    const folder = resolve(directory)
    this.#path = join(folder, LEDGER_FILE)
    let database: DatabaseSync | null = null
    if (open.has(this.#path)) throw inUse(directory)
    try {
      makeDirectory(folder)
      checkHeader(this.#path)
      database = new DatabaseSync(this.#path)
      prepare(database)
      if (maxPages !== null) database.exec(`PRAGMA max_page_count = ${maxPages}`)
      this.#put = database.prepare(PUT)
      this.#delete = database.prepare('DELETE FROM claims WHERE network = ? AND address = ?')
      this.#inode = statSync(this.#path).ino
      this.#database = database
      open.add(this.#path)
    } catch (error) {
      database?.close()
      throw failureOf(error, directory, this.#path)
    }
  }

  load(): ClaimRecord[] {
    const claims: ClaimRecord[] = []
    const networks = new Map<string, string>()
    const select = this.#database.prepare(SELECT)
    // Objects take twice the time, and a start waits for this.
    select.setReturnArrays(true)
    for (const row of select.iterate() as unknown as Iterable<ClaimRow>) {
      const network = networks.get(row[0]) ?? row[0]
      networks.set(network, network)
      claims.push(recordOf(network, row))
    }
    return claims
  }

  write(puts: readonly ClaimRecord[], deletes: readonly RowKey[]): void {
    try {
      if (statSync(this.#path, { throwIfNoEntry: false })?.ino !== this.#inode) {
        throw new Error('the file was removed or replaced while it was open; restart Waypost')
      }
      this.#database.exec('BEGIN IMMEDIATE')
      for (const { network, address } of deletes) this.#delete.run(network, bound(address))
      for (const claim of puts) this.#putRow(claim)
      this.#database.exec('COMMIT')
    } catch (error) {
      this.#rollback()
      const reason = error instanceof Error ? error.message : String(error)
      throw new WaypostError('WAY_LEDGER_WRITE', `Cannot write to the ledger ${this.#path}: ${reason}`, {
        cause: error,
      })
    }
  }

  close(): void {
    this.#database.close()
    open.delete(this.#path)
  }

  #putRow(claim: ClaimRecord): void {
    const { network, address, owner, state, until, placed, position, shared } = claim
    const flags = [placed ? 1 : 0, position, shared ? 1 : 0]
    this.#put.run(network, bound(address), owner.kind, owner.name, state, until, ...flags)
  }

  /** SQLite rolls back by itself after some errors and not after others. */
  #rollback(): void {
    try {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
    } catch {
      // the failure that led here is the one to report; a transaction that was not committed is void on the next open
    }
  }
}

/**
 * Makes a folder and its missing parents, for their owner alone, each durable before anything is put in. (Node's own
 * recursive mkdir never returns below /proc.)
 */
function makeDirectory(folder: string): void {
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined) return
  const above = dirname(folder)
  makeDirectory(above)
  mkdirSync(folder, { mode: 0o700 })
  if (process.platform === 'win32') return
  const parent = openSync(above, 'r')
  fsyncSync(parent)
  closeSync(parent)
}

/**
 * Refuses a file that is neither empty nor a database. SQLite would take one of a single byte for empty, and one whose
 * pages are all in a write-ahead log that a crash left for whole.
 */
function checkHeader(path: string): void {
  if ((statSync(path, { throwIfNoEntry: false })?.size ?? 0) === 0) return
  const header = Buffer.alloc(MAGIC.length)
  const descriptor = openSync(path, 'r')
  try {
    readSync(descriptor, header)
  } finally {
    closeSync(descriptor)
  }
  if (header.toString('latin1') !== MAGIC) throw new WaypostError('WAY_LEDGER_DAMAGED', 'file is not a database')
}

/** Takes the lock, checks the file, and only then writes to it. */
function prepare(database: DatabaseSync): void {
  database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT')
  const version = checkSchema(database)
  const [check] = Object.values(database.prepare('PRAGMA quick_check(1)').get() ?? {})
  // SQLite's report has lines; a message is one sentence.
  if (check !== 'ok') throw new WaypostError('WAY_LEDGER_DAMAGED', String(check).replace(/\s+/g, ' '))
  // a log that one big batch made long is cut again
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216')
  if (version === 0) database.exec(`BEGIN; ${TABLES} COMMIT`)
  if (version === 1) database.exec(`BEGIN; ${FROM_VERSION_1} COMMIT`)
}

/** The version of the tables, 0 for a new database. @throws WaypostError WAY_LEDGER_DAMAGED when it is somebody else's or newer. */
function checkSchema(database: DatabaseSync): number {
  const application = pragma(database, 'application_id')
  const version = pragma(database, 'user_version')
  const tables = database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n']
  if (application === 0 && version === 0 && tables === 0) return 0
  if (application !== APPLICATION_ID) {
    throw new WaypostError('WAY_LEDGER_DAMAGED', 'it is a database of another program')
  }
  if (version < 1 || version > SCHEMA_VERSION) {
    const known = `this one knows versions 1 to ${SCHEMA_VERSION}`
    throw new WaypostError('WAY_LEDGER_DAMAGED', `another Waypost wrote it with tables of version ${version}; ${known}`)
  }
  return version
}

function pragma(database: DatabaseSync, name: string): number {
  return Number(database.prepare(`PRAGMA ${name}`).get()?.[name])
}

const scratch = new Uint8Array(ADDRESS_BYTES)

/**
 * An address to bind, until the next one. node:sqlite asks for the buffer of what it binds, which moves a short array
 * out of V8's heap for good: 280 octets of overhead for each claim.
 */
function bound(address: Address): Uint8Array {
  scratch.set(address)
  return scratch
}

/** In the order of `SELECT`. */
type ClaimRow = readonly [
  network: string,
  address: Uint8Array,
  kind: OwnerRef['kind'],
  owner: string,
  state: ClaimRecord['state'],
  until: number | null,
  placed: number,
  shared: number,
  position: number,
]

/** A row as a claim. The table's constraints, which quick_check has verified, vouch for the types. */
function recordOf(network: string, row: ClaimRow): ClaimRecord {
  const [, bytes, kind, name, state, until, placed, shared, position] = row
  // A copy lies in V8's heap, see `bound`.
  const address = bytes.slice() as Address
  const owner: OwnerRef = { kind, name }
  return {
    network,
    address,
    owner,
    state,
    until,
    key: addressKey(address),
    ownerKey: ownerKey(owner),
    placed: placed === 1,
    shared: shared === 1,
    position,
    slot: -1,
  }
}

/** The error to report for what was thrown while the ledger at `path` in `directory` was opened. */
function failureOf(error: unknown, directory: string, path: string): WaypostError {
  const reason = error instanceof Error ? error.message : String(error)
  if (error instanceof WaypostError) return new WaypostError(error.code, `Cannot use the ledger ${path}: ${reason}`)
  const code = resultCode(error)
  if (code === BUSY || code === LOCKED) return inUse(directory, error)
  if (code === CORRUPT || code === NOT_A_DATABASE || code === SQL_ERROR) {
    return new WaypostError('WAY_LEDGER_DAMAGED', `Cannot use the ledger ${path}: ${reason}`, { cause: error })
  }
  return new WaypostError('WAY_DATA_UNWRITABLE', `Cannot write the data folder ${directory}: ${reason}`, {
    cause: error,
  })
}

/** The primary result code of an error of node:sqlite, or null for any other error. */
function resultCode(error: unknown): number | null {
  if (!(error instanceof Error) || !('errcode' in error) || typeof error.errcode !== 'number') return null
  return error.errcode & 0xff
}

function inUse(directory: string, cause?: unknown): WaypostError {
  const message = `Cannot use the data folder ${directory}: another process has it open`
  return new WaypostError('WAY_DATA_IN_USE', message, { cause })
}
