// Unit tests on this machine: `npm test`.
import assert from 'node:assert/strict';
import test from 'node:test';
import { formatter, settings } from './plugin.js';

const target = { channel: 'ops', kind: 'stdout', edits: false };

function event(body) {
  return { symbol: 'GTCUSDT', account: { name: 'mirror', role: 'mirror' }, body };
}

function lines(detected, shown) {
  const fill = { slot: 2, count: { detected, shown, total: 3 } };
  const rich = formatter.format(event({ tag: 'fill', val: fill }), target).val;
  return [rich.title, ...rich.lines].map((line) => line.map((span) => span.val).join(''));
}

test('a synchronised count is marked and the own one stands below', () => {
  assert.deepEqual(lines(1, 2), [
    '🔔 GTCUSDT L2 filled (mirror)',
    '2 of 3 orders filled [Synchronized count]',
    'this account: 1',
  ]);
});

test('an own count needs no mark', () => {
  assert.deepEqual(lines(2, 2).slice(1), ['2 of 3 orders filled']);
});

test('everything else is left to the host', () => {
  assert.throws(() => formatter.format(event({ tag: 'system', val: {} }), target), { tag: 'unsupported' });
});

test('a long prefix is refused by name', () => {
  assert.equal(settings.configure(JSON.stringify({ prefix: 'x'.repeat(21) }))[0].path, '/prefix');
});
