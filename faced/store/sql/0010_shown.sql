-- What was to be shown of each person when nothing was to be done. While it is the same, and her folders are, nothing
-- is to be done for her. A person for whom the tree is being changed has no row.
CREATE TABLE shown_persons (
  person INTEGER PRIMARY KEY,
  digest BLOB NOT NULL
) STRICT;

-- 1: the links in the folder were those that base has there.
ALTER TABLE seen_folders ADD COLUMN as_base INTEGER NOT NULL DEFAULT 0;

-- Who has a link to an image.
CREATE INDEX links_of_image ON links (image);
