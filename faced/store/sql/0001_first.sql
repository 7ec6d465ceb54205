-- faced's first schema. Paths are BLOB (os.fsencode). Times are UTC nanoseconds since 1970 unless said.
-- An embedding is 128 little-endian float32.

-- Single values: installation (hex id), generation (of the people tree), engine (key of the engine whose
-- result the tree shows), scan (number of the last scan).
CREATE TABLE settings (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

-- The folders that hold originals. A library that is no longer listed is detached: its row and photos stay.
CREATE TABLE libraries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  root BLOB NOT NULL UNIQUE,      -- absolute path
  listed INTEGER NOT NULL,        -- 1: belongs to the set; 0: detached
  online INTEGER NOT NULL,        -- 1: it was there at the last scan; 0: frozen
  problem TEXT,                   -- why it is frozen or held, one plain sentence; NULL: nothing wrong
  fsid INTEGER,                   -- statvfs f_fsid as signed 64 bit; NULL: never seen
  source TEXT,                    -- mount source
  fstype TEXT,                    -- file-system type
  ino INTEGER                     -- inode of the root
) STRICT;

-- Disks that were seen mounted inside a library. While one is away or another disk is in its place, the
-- photos below it are not gone.
CREATE TABLE library_mounts (
  library INTEGER NOT NULL REFERENCES libraries (id),
  path BLOB NOT NULL,             -- mount point, relative to the library's root
  fsid INTEGER NOT NULL,          -- as in libraries
  source TEXT NOT NULL,
  fstype TEXT NOT NULL,
  ino INTEGER NOT NULL,
  PRIMARY KEY (library, path)
) STRICT, WITHOUT ROWID;

-- A distinct picture, known by the hash of its picture data.
CREATE TABLE images (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,       -- b1: + blake2b-128, hex
  format TEXT NOT NULL,           -- Pillow's name of the format
  width INTEGER NOT NULL,         -- px, of the stored picture
  height INTEGER NOT NULL,        -- px, of the stored picture
  dhash INTEGER                   -- 64-bit difference hash of the upright picture, as signed 64 bit
) STRICT;

-- A file that holds an image.
CREATE TABLE photos (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  library INTEGER NOT NULL REFERENCES libraries (id),
  path BLOB NOT NULL,             -- relative to the library's root
  size INTEGER NOT NULL,          -- bytes
  mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  ino INTEGER NOT NULL,
  found INTEGER NOT NULL,         -- number of the scan that saw it first, or saw it changed
  stale INTEGER NOT NULL,         -- 1: it must be read (new or changed); 0: image, orientation and taken are true
  image INTEGER REFERENCES images (id), -- as last read; NULL: never read, or not readable as a picture
  orientation INTEGER,            -- EXIF orientation, 1 to 8
  taken TEXT,                     -- EXIF date, YYYY-MM-DDTHH:MM:SS, the camera's local time
  UNIQUE (library, path)
) STRICT;
CREATE INDEX photos_image ON photos (image);
CREATE INDEX photos_stale ON photos (stale, found, mtime_ns) WHERE stale;

-- Files that cannot be used, until they change. `later` ones are tried again by every pass.
CREATE TABLE quarantine (
  photo INTEGER PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
  reason TEXT NOT NULL,           -- one plain sentence
  later INTEGER NOT NULL,         -- 1: not finished yet, try again; 0: only when it changes
  size INTEGER NOT NULL,          -- bytes, at the failure
  mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  ino INTEGER NOT NULL
) STRICT;

-- Jobs that were handed to a worker; a row is committed before its job starts and deleted with its result.
CREATE TABLE attempts (
  photo INTEGER PRIMARY KEY REFERENCES photos (id) ON DELETE CASCADE,
  in_flight INTEGER NOT NULL,     -- 1: running now, or when the process died
  deaths INTEGER NOT NULL,        -- workers that died or ran out of time on it under a living parent
  unclean INTEGER NOT NULL        -- times it was in flight, alone, when the parent died
) STRICT;

-- What makes a vector: models, sizes, views, and the thresholds measured for it. Vectors of two are never compared.
CREATE TABLE engines (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  key TEXT NOT NULL UNIQUE,       -- hash over what makes a vector
  record TEXT NOT NULL            -- JSON: name, models, settings
) STRICT;

-- An image that an engine is done with, faces or none.
CREATE TABLE encodings (
  image INTEGER NOT NULL REFERENCES images (id),
  engine INTEGER NOT NULL REFERENCES engines (id),
  orientation INTEGER NOT NULL,   -- the one it was encoded in, 1 to 8
  PRIMARY KEY (image, engine)
) STRICT, WITHOUT ROWID;

CREATE TABLE faces (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  image INTEGER NOT NULL REFERENCES images (id),
  engine INTEGER NOT NULL REFERENCES engines (id),
  box_left REAL NOT NULL,         -- bounding box: fractions of the stored picture's width and height
  box_top REAL NOT NULL,
  box_width REAL NOT NULL,
  box_height REAL NOT NULL,
  landmarks BLOB NOT NULL,        -- 5 x (x, y), little-endian float32, fractions of the stored picture
  score REAL NOT NULL,            -- the detector's
  side REAL NOT NULL,             -- px, of the detector's box in the full-size picture
  sharpness REAL NOT NULL,        -- variance of the Laplacian / variance of grey in the middle of the chip
  embedding BLOB NOT NULL,        -- 128 little-endian float32
  crc INTEGER NOT NULL            -- crc32 of embedding
) STRICT;
CREATE INDEX faces_image ON faces (image, engine);

-- Somebody. An id is never used twice.
CREATE TABLE persons (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT                       -- as the user gave it; NULL: none
) STRICT;

-- Computed: whose face it is. Written anew by every re-clustering, never edited.
CREATE TABLE owners (
  face INTEGER PRIMARY KEY REFERENCES faces (id) ON DELETE CASCADE,
  person INTEGER NOT NULL REFERENCES persons (id),
  why TEXT NOT NULL               -- in plain words
) STRICT;
CREATE INDEX owners_person ON owners (person);

-- The people folder, as faced knows it. One row, or none before the first sync.
CREATE TABLE tree (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  root BLOB NOT NULL,             -- absolute path
  fsid INTEGER,                   -- as in libraries; NULL: not yet set up
  source TEXT,
  fstype TEXT,
  ino INTEGER,
  probe TEXT,                     -- JSON: what the file system can do, asked once per place
  problem TEXT                    -- why it is frozen, one plain sentence; NULL: nothing wrong
) STRICT;

-- Base, folders: those that faced made or took over, as it last left them on disk.
CREATE TABLE folders (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  path BLOB NOT NULL UNIQUE,      -- relative to the people folder
  person INTEGER REFERENCES persons (id),
  ino INTEGER NOT NULL
) STRICT;

-- Base, links: as faced last left them on disk. What differs from it is a user's doing.
CREATE TABLE links (
  folder INTEGER NOT NULL REFERENCES folders (id),
  name BLOB NOT NULL,             -- file name of the link
  text BLOB NOT NULL,             -- what readlink gives
  image INTEGER NOT NULL REFERENCES images (id),
  person INTEGER NOT NULL REFERENCES persons (id),
  PRIMARY KEY (folder, name)
) STRICT, WITHOUT ROWID;
CREATE INDEX links_image ON links (person, image);

-- Every text that faced ever wrote into a link: by it a link is known, wherever it is found.
CREATE TABLE link_texts (
  text BLOB PRIMARY KEY,
  image INTEGER NOT NULL REFERENCES images (id)
) STRICT, WITHOUT ROWID;

-- Changes that are being made to the people folder now. Committed before the first of them is made.
CREATE TABLE intents (
  id INTEGER PRIMARY KEY,         -- the order in which they are made
  op TEXT NOT NULL,               -- mkdir, link, retarget, drop, movedir, rmdir
  folder BLOB NOT NULL,           -- path relative to the people folder
  name BLOB,                      -- of the link; NULL for folders
  new BLOB,                       -- link text to be (link, retarget); new path (movedir)
  old BLOB,                       -- link text that must be there (retarget, drop)
  ino INTEGER,                    -- inode that must be there (movedir, rmdir)
  image INTEGER,                  -- of the link
  person INTEGER,                 -- of the link or folder
  time_ns INTEGER                 -- the link's own time to be
) STRICT;

-- Paths in the people folder that faced does not understand; left alone and reported.
CREATE TABLE left_alone (
  path BLOB PRIMARY KEY,          -- relative to the people folder
  reason TEXT NOT NULL            -- one plain sentence
) STRICT, WITHOUT ROWID;
