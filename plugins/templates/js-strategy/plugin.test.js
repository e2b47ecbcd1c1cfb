// Unit tests on this machine: `npm test`.
import assert from 'node:assert/strict';
import test from 'node:test';
import { settings, strategy } from './plugin.js';

const main = { account: 'main', role: 'main', detected: 1 };
const mirror = { account: 'mirror', role: 'mirror', detected: 2 };
const watched = { account: 'watched', role: 'observer', detected: 3 };

function counts(json, ...members) {
  assert.deepEqual(settings.configure(json), []);
  return strategy.decide({ members }).shown.map((row) => row.count);
}

test('everybody shows the largest count', () => {
  assert.deepEqual(counts('{}', main, mirror, watched), [2, 2, 3]);
});

test('main is followed where it is set', () => {
  assert.deepEqual(counts('{"follow":"main"}', main, mirror), [1, 1]);
});

test('without main there is nobody to follow', () => {
  assert.throws(() => counts('{"follow":"main"}', mirror), { tag: 'undecided' });
});

test('settings that mean nothing are refused by name', () => {
  assert.equal(settings.configure('{"follow":"nobody"}')[0].path, '/follow');
});
