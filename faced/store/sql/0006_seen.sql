-- Folders of the people folder as they were last read, so that those which have not changed since are not read again.
-- Only what was older than two seconds then, for a change within one tick of the clock would not be seen.
CREATE TABLE seen_folders (
  path BLOB PRIMARY KEY,          -- relative to the people folder, which itself is ''
  dev INTEGER NOT NULL,           -- as lstat gives them; dev as signed 64 bit
  ino INTEGER NOT NULL,
  mtime_ns INTEGER NOT NULL,
  ctime_ns INTEGER NOT NULL,
  links BLOB NOT NULL,            -- name, NUL, text, NUL, …
  folders BLOB NOT NULL,          -- names, each followed by NUL
  others BLOB NOT NULL            -- likewise
) STRICT, WITHOUT ROWID;
