// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.attach;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.linux.RouteNetlink;
import java.util.ArrayDeque;
import java.util.Deque;

/// Netlink sockets of the machine's namespace, kept open: one serves one thread at a time, and to
/// open one costs more than what is mostly asked of it.
final class MachineSockets implements AutoCloseable {
  private static final int KEPT = 16;

  private final NetworkNamespace machine;
  private final Deque<RouteNetlink> idle = new ArrayDeque<>();
  private boolean closed;

  MachineSockets(NetworkNamespace machine) {
    this.machine = machine;
  }

  /// A socket that goes back by closing this.
  record Loan(MachineSockets lender, RouteNetlink netlink) implements AutoCloseable {
    @Override
    public void close() {
      lender.giveBack(netlink);
    }
  }

  Loan borrow() {
    RouteNetlink netlink;
    synchronized (this) {
      netlink = idle.poll();
    }
    return new Loan(this, netlink == null ? RouteNetlink.open(machine) : netlink);
  }

  private void giveBack(RouteNetlink netlink) {
    synchronized (this) {
      if (!closed && idle.size() < KEPT) {
        idle.push(netlink);
        return;
      }
    }
    netlink.close();
  }

  @Override
  public void close() {
    synchronized (this) {
      closed = true;
      idle.forEach(RouteNetlink::close);
      idle.clear();
    }
  }
}
