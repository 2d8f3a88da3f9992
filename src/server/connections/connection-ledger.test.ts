import assert from "node:assert/strict";
import { test } from "node:test";
import { type Closable, ConnectionLedger, numSurplus } from "./connection-ledger.ts";

class FakeSocket implements Closable {
  writableLength = 0;
  bytesWritten = 0;
  isDestroyed = false;
  destroy(): void {
    this.isDestroyed = true;
  }
}

const limits = { mostConnections: 3, headerCapacityBytes: 1000, unsentCapacityBytes: 500 };

function ledgerWith(numSockets: number) {
  const clock = { nowMs: 0 };
  const ledger = new ConnectionLedger(limits, () => clock.nowMs);
  const sockets = Array.from({ length: numSockets }, () => new FakeSocket());
  for (const socket of sockets) ledger.opened(socket);
  return { clock, ledger, sockets };
}

const destroyed = (sockets: readonly FakeSocket[]): boolean[] => sockets.map((one) => one.isDestroyed);

test("one connection too many takes the place of the one that waits longest, once that has had its second", () => {
  const { clock, ledger, sockets } = ledgerWith(3);
  const [first, , third] = sockets as [FakeSocket, FakeSocket, FakeSocket];
  ledger.requestBegan(first);
  clock.nowMs = 500;
  const early = new FakeSocket();
  ledger.opened(early);
  assert.deepEqual(destroyed(sockets), [false, false, false]);
  assert.deepEqual([ledger.isSurplus(early), ledger.isSurplus(third)], [true, false]);
  clock.nowMs = 1500;
  const late = new FakeSocket();
  ledger.opened(late);
  // The first is being answered; the others have waited, and with the early one there was one too many already.
  assert.deepEqual([...destroyed(sockets), early.isDestroyed], [false, true, true, false]);
  assert.equal(ledger.isSurplus(late), false);
  assert.equal(ledger.closed.idle, 2);
});

test("one that the operating system reset makes room for the next, where others have waited for their second", () => {
  const { clock, ledger, sockets } = ledgerWith(3);
  ledger.requestBegan(sockets[0] as FakeSocket);
  clock.nowMs = 500;
  ledger.turnedAway();
  assert.deepEqual(destroyed(sockets), [false, false, false]);
  clock.nowMs = 1500;
  ledger.turnedAway();
  assert.deepEqual(destroyed(sockets), [false, true, false]);
});

test("a surplus connection becomes an ordinary one when another goes", () => {
  const { ledger, sockets } = ledgerWith(3);
  const surplus = new FakeSocket();
  ledger.opened(surplus);
  assert.equal(ledger.isSurplus(surplus), true);
  ledger.gone(sockets[0] as FakeSocket);
  assert.equal(ledger.isSurplus(surplus), false);
  assert.deepEqual([ledger.numOpen, ledger.numRefused], [3, 1]);
  assert.ok(numSurplus > 0);
});

test("unfinished headers beyond the capacity close the connection that has been at it longest", () => {
  const { ledger, sockets } = ledgerWith(3);
  const [first, second, third] = sockets as [FakeSocket, FakeSocket, FakeSocket];
  ledger.headerArrived(second, 600);
  ledger.headerArrived(third, 300);
  assert.equal(ledger.headerBytes, 900);
  ledger.headerArrived(first, 200);
  // The first has been open longest of those with an unfinished header.
  assert.deepEqual(destroyed(sockets), [true, false, false]);
  assert.deepEqual([ledger.headerBytes, ledger.closed.headers], [900, 1]);
});

test("headers of requests in flight count until the last of them has ended", () => {
  const { ledger, sockets } = ledgerWith(1);
  const [socket] = sockets as [FakeSocket];
  ledger.headerArrived(socket, 100);
  ledger.requestBegan(socket);
  ledger.headerArrived(socket, 50);
  ledger.requestBegan(socket);
  ledger.requestEnded(socket);
  assert.equal(ledger.headerBytes, 150);
  ledger.requestEnded(socket);
  assert.equal(ledger.headerBytes, 0);
  // A socket that has closed is told of the end of its requests too.
  ledger.gone(socket);
  ledger.requestEnded(socket);
  assert.deepEqual([ledger.headerBytes, ledger.numOpen], [0, 0]);
});

test("a connection with more than 16 requests in flight is closed", () => {
  const { ledger, sockets } = ledgerWith(1);
  const [socket] = sockets as [FakeSocket];
  for (let i = 0; i < 16; i++) ledger.requestBegan(socket);
  assert.equal(socket.isDestroyed, false);
  ledger.requestBegan(socket);
  assert.deepEqual([socket.isDestroyed, ledger.closed.pipelining], [true, 1]);
});

test("answers that are not read: the largest goes when there are too many, and each after two minutes", () => {
  const { clock, ledger, sockets } = ledgerWith(3);
  const [first, second, third] = sockets as [FakeSocket, FakeSocket, FakeSocket];
  first.writableLength = 200;
  second.writableLength = 400;
  ledger.sweep();
  assert.deepEqual(destroyed(sockets), [false, true, false]);
  third.writableLength = 100;
  ledger.sweep();
  clock.nowMs = 100_000;
  third.bytesWritten = 10;
  ledger.sweep();
  clock.nowMs = 121_000;
  ledger.sweep();
  // The third has read a little, and has time again.
  assert.deepEqual(destroyed(sockets), [true, true, false]);
  assert.deepEqual([ledger.closed.unread, ledger.closed.stalled], [1, 1]);
});
