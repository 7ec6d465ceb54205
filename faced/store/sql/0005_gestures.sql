-- What is said of whole pictures, and what waits in the people folder that is no person's yet.

-- The fold over `edits`, kept, as pins are. "She belongs to this picture, though no face on it is hers."
CREATE TABLE tags (
  image TEXT NOT NULL,            -- key of the image
  person INTEGER NOT NULL REFERENCES persons (id),
  edit TEXT NOT NULL REFERENCES edits (id), -- that said so
  PRIMARY KEY (image, person)
) STRICT, WITHOUT ROWID;

-- The fold over `edits`, kept. "This person's link to this picture is called so."
CREATE TABLE link_names (
  image TEXT NOT NULL,            -- key of the image
  person INTEGER NOT NULL REFERENCES persons (id),
  name BLOB NOT NULL,             -- file name, as the user gave it
  edit TEXT NOT NULL REFERENCES edits (id), -- that said so
  PRIMARY KEY (image, person)
) STRICT, WITHOUT ROWID;

-- Copies wait too: nothing of base is missing there, and the folder may be nobody's.
ALTER TABLE undecided RENAME TO undecided_before;
CREATE TABLE undecided (
  path BLOB PRIMARY KEY,          -- as base has it, or of the copy; relative to the people folder
  what TEXT NOT NULL,             -- link: is missing; folder: is missing; copy: a link more
  person INTEGER REFERENCES persons (id), -- whose it is; NULL: a copy in a folder that is nobody's
  image INTEGER REFERENCES images (id), -- of the link; NULL: a folder
  first_seen INTEGER NOT NULL,
  due INTEGER,                    -- when the second look decides; NULL: held by `ask`
  ask INTEGER REFERENCES asks (id) ON DELETE CASCADE, -- the question that holds it; NULL: waits for the second look
  CHECK ((due IS NULL) <> (ask IS NULL))
) STRICT, WITHOUT ROWID;
INSERT INTO undecided SELECT path, what, person, image, first_seen, due, ask FROM undecided_before;
DROP TABLE undecided_before;
CREATE INDEX undecided_ask ON undecided (ask) WHERE ask IS NOT NULL;

-- Links like faced's own that are the user's affair, as a second look has seen: copies in albums. When a link goes
-- missing elsewhere, it was not moved there.
CREATE TABLE copies (
  folder INTEGER NOT NULL,        -- inode of the folder that it is in
  name BLOB NOT NULL,             -- of the link
  text BLOB NOT NULL,             -- what readlink gives
  person INTEGER,                 -- whose folder that was; NULL: nobody's
  PRIMARY KEY (folder, name)
) STRICT, WITHOUT ROWID;
