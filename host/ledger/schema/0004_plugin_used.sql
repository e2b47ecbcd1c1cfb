-- What decisions name by their hashes: which plugin that was and how it was set, so that a decision can
-- be made again when the file and the configuration have long changed. Rows come with decisions.
CREATE TABLE plugin_used (
    plugin_sha256   TEXT NOT NULL,
    settings_sha256 TEXT NOT NULL,
    own_name        TEXT NOT NULL,
    version         TEXT NOT NULL,
    settings_json   TEXT NOT NULL,
    first_used_at   INTEGER NOT NULL,
    PRIMARY KEY (plugin_sha256, settings_sha256)
) STRICT, WITHOUT ROWID;
