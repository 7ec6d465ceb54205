-- The user's word. Times are UTC nanoseconds since 1970 unless said.

-- The journal: what the user said, in order, each edit as its line in journal.jsonl. Written once, never changed.
CREATE TABLE edits (
  id TEXT PRIMARY KEY,            -- ascending: 12 digits, -, 12 hex digits that the edits of one gesture share
  line TEXT NOT NULL,             -- JSON object in ASCII, without line break (see store/edits.py)
  crc INTEGER NOT NULL,           -- crc32 of line
  kind TEXT NOT NULL GENERATED ALWAYS AS (json_extract(line, '$.kind')) VIRTUAL, -- name, pin, reject, undo, …
  time TEXT NOT NULL GENERATED ALWAYS AS (json_extract(line, '$.time')) VIRTUAL, -- UTC, YYYY-MM-DDTHH:MM:SS.mmmZ
  person INTEGER GENERATED ALWAYS AS (json_extract(line, '$.person')) VIRTUAL    -- as said, merged since or not; or NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX edits_kind ON edits (kind, id);

-- A name stands in person_words, as the fold over the journal has it.
ALTER TABLE persons DROP COLUMN name;

-- The next four are the fold over `edits`, kept: store/word.py decides, store/word_tables.py writes.
-- Faces are named by image key and box, for a word outlives the rows of `images` and `faces`.

-- What was said about persons. No row: nothing.
CREATE TABLE person_words (
  person INTEGER PRIMARY KEY REFERENCES persons (id),
  name BLOB,                      -- UTF-8 (surrogates passed: bytes of a folder name that are no UTF-8); NULL: none
  born INTEGER,                   -- year; NULL: not said
  place BLOB,                     -- path of the folder, relative to the people folder; NULL: not said
  hidden INTEGER NOT NULL,        -- 1: a stranger, matched but never shown; 0: shown
  merged_into INTEGER REFERENCES persons (id) -- who stands for it now, never one that is merged; NULL: itself
) STRICT;
CREATE INDEX person_words_merged ON person_words (merged_into) WHERE merged_into IS NOT NULL;

-- "This face is P": one for a face.
CREATE TABLE pins (
  image TEXT NOT NULL,            -- key of the image
  box_left REAL NOT NULL,         -- fractions of the stored picture's width and height
  box_top REAL NOT NULL,
  box_width REAL NOT NULL,
  box_height REAL NOT NULL,
  person INTEGER NOT NULL REFERENCES persons (id),
  edit TEXT NOT NULL REFERENCES edits (id), -- that said so
  PRIMARY KEY (image, box_left, box_top, box_width, box_height)
) STRICT, WITHOUT ROWID;

-- "This face is not P": any number for a face.
CREATE TABLE rejections (
  image TEXT NOT NULL,            -- as in pins
  box_left REAL NOT NULL,
  box_top REAL NOT NULL,
  box_width REAL NOT NULL,
  box_height REAL NOT NULL,
  person INTEGER NOT NULL REFERENCES persons (id),
  edit TEXT NOT NULL REFERENCES edits (id),
  PRIMARY KEY (image, box_left, box_top, box_width, box_height, person)
) STRICT, WITHOUT ROWID;

-- "This face was in the folder when it was named P": one for a face. As said: one whose face is rejected from
-- P or pinned to another is here too, but does not count (load_word leaves it out).
CREATE TABLE anchors (
  image TEXT NOT NULL,            -- as in pins
  box_left REAL NOT NULL,
  box_top REAL NOT NULL,
  box_width REAL NOT NULL,
  box_height REAL NOT NULL,
  person INTEGER NOT NULL REFERENCES persons (id),
  edit TEXT NOT NULL REFERENCES edits (id),
  PRIMARY KEY (image, box_left, box_top, box_width, box_height)
) STRICT, WITHOUT ROWID;

-- Questions to the user, shown by `faced status`, answered by `faced accept [--no] ID` or by putting things back.
CREATE TABLE asks (
  id INTEGER PRIMARY KEY AUTOINCREMENT, -- what the user types; never used twice
  kind TEXT NOT NULL,             -- which rule asks
  text TEXT NOT NULL,             -- one plain sentence
  details TEXT NOT NULL,          -- JSON: what is needed to carry it out, or to see that it is no longer asked
  since INTEGER NOT NULL,         -- when it was first asked
  answer INTEGER                  -- 1: yes; 0: no; NULL: none yet. The next pass acts on it and deletes the row
) STRICT;

-- Paths of the people folder that may be half of a gesture, or are held by a question. Base is not moved there and
-- the plan does not touch them.
CREATE TABLE undecided (
  path BLOB PRIMARY KEY,          -- as base has it, relative to the people folder
  what TEXT NOT NULL,             -- link: is missing; folder: is missing
  person INTEGER NOT NULL REFERENCES persons (id), -- whose it is
  image INTEGER REFERENCES images (id), -- of the link; NULL: a folder
  first_seen INTEGER NOT NULL,
  due INTEGER,                    -- when the second look decides; NULL: held by `ask`
  ask INTEGER REFERENCES asks (id) ON DELETE CASCADE, -- the question that holds it; NULL: waits for the second look
  CHECK ((due IS NULL) <> (ask IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX undecided_ask ON undecided (ask) WHERE ask IS NOT NULL;

-- Folders of hidden persons as they were when they left the tree: one that comes back (from the trash) is known by
-- its inode and the majority of its links, as those of base are.
CREATE TABLE away_folders (
  person INTEGER PRIMARY KEY REFERENCES persons (id),
  path BLOB NOT NULL,             -- relative to the people folder
  ino INTEGER NOT NULL
) STRICT;

CREATE TABLE away_links (
  person INTEGER NOT NULL REFERENCES away_folders (person) ON DELETE CASCADE,
  name BLOB NOT NULL,             -- as in links
  text BLOB NOT NULL,
  image INTEGER NOT NULL REFERENCES images (id),
  PRIMARY KEY (person, name)
) STRICT, WITHOUT ROWID;

-- What commands want of the process that holds the pass lock.
CREATE TABLE requests (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  kind TEXT NOT NULL,             -- what is wanted
  made INTEGER NOT NULL,
  done INTEGER NOT NULL           -- 1: carried out; 0: waiting
) STRICT;
CREATE INDEX requests_waiting ON requests (id) WHERE done = 0;

-- What a photo held before it was edited, and what it holds since: words about the one are handed to the other.
CREATE TABLE became (
  old TEXT NOT NULL,              -- key of the image that a file held
  new TEXT NOT NULL,              -- key of the image that the same file holds since
  PRIMARY KEY (old, new)
) STRICT, WITHOUT ROWID;
