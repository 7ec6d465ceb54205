-- Face pictures in the people folder. A face is named as in their comments, without the word before it: image key
-- and box (left,top,width,height as fractions of the stored picture), see store/pictures.py.

-- links: a person's folder, or one above such. pictures: of face pictures (or the one above such folders); its person
-- is whom the faces may be.
ALTER TABLE folders ADD COLUMN kind TEXT NOT NULL DEFAULT 'links';

-- Of the face, where the change is about a face picture. Its checksum stands in `new` or `old`.
ALTER TABLE intents ADD COLUMN face TEXT;

-- Base, face pictures: as faced last left them on disk.
CREATE TABLE pictures (
  folder INTEGER NOT NULL REFERENCES folders (id),
  name BLOB NOT NULL,             -- file name
  face TEXT NOT NULL,
  checksum TEXT NOT NULL,         -- size in bytes and blake2b-128 of the whole file
  ino INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  PRIMARY KEY (folder, name)
) STRICT, WITHOUT ROWID;

-- Every face picture that faced ever made: one that is still as it was made is faced's, wherever it lies.
CREATE TABLE made_pictures (
  checksum TEXT PRIMARY KEY,
  face TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Face pictures that a user has put somewhere and that are still there, of which it is written down what that means.
CREATE TABLE understood_pictures (
  path BLOB PRIMARY KEY,          -- relative to the people folder
  face TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- Folders of face pictures that a user has thrown away ("not now"): made again when something else is proposed.
CREATE TABLE put_off (
  person INTEGER PRIMARY KEY,     -- to whom it is proposed; 0: the faces that are nobody's
  proposed TEXT                   -- hash of what was proposed then; NULL: what the next run would propose
) STRICT;

-- Faces that are nobody's and whose picture a user has thrown away.
CREATE TABLE put_off_faces (
  face TEXT PRIMARY KEY
) STRICT, WITHOUT ROWID;
