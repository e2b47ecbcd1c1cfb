-- What became of a plugin's candidate, with all that its outcome rests on: how long each stage took, which
-- settings it had, and how it answered recorded inputs beside what was active.
ALTER TABLE plugin_event ADD COLUMN settings_sha256 TEXT;
ALTER TABLE plugin_event ADD COLUMN stages_json TEXT;
ALTER TABLE plugin_event ADD COLUMN comparison_json TEXT;

-- Outcomes are words of their own; the log's events have names.
UPDATE plugin_event SET outcome = replace(outcome, 'plugin_', '');

CREATE INDEX plugin_event_of ON plugin_event (plugin, id);
