// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLongArray;
import javax.net.ssl.SSLContext;
import org.jspecify.annotations.Nullable;

/// The resolvers of one zone and which of them to ask first. One that failed is asked last for a
/// while, so that a dead one costs its timeout seldom.
final class Upstreams {
  private static final long AVOIDED_NANOS = 10_000_000_000L;

  private final Name zone;
  private final Forwarding.Order order;
  private final List<InetSocketAddress> addresses;

  /// By index; empty without TLS.
  private final List<TlsUpstream> overTls = new ArrayList<>();

  /// When each failed last, 0 for not since it answered.
  private final AtomicLongArray failed;

  private final AtomicInteger turn = new AtomicInteger();

  /// @throws IOException if the authorities of its TLS cannot be read
  Upstreams(Forwarding.Route route) throws IOException {
    zone = route.zoneName();
    order = route.order();
    addresses = route.upstreams();
    failed = new AtomicLongArray(addresses.size());
    if (route.tls().isPresent()) {
      UpstreamTls wanted = route.tls().get();
      SSLContext context = TlsIdentity.trusting(wanted.authorities());
      for (InetSocketAddress address : addresses) {
        overTls.add(new TlsUpstream(address, wanted.serverName(), context));
      }
    }
  }

  Name zone() {
    return zone;
  }

  InetSocketAddress address(int index) {
    return addresses.get(index);
  }

  /// What asks it over TLS, null without.
  @Nullable TlsUpstream overTls(int index) {
    return overTls.isEmpty() ? null : overTls.get(index);
  }

  void close() {
    overTls.forEach(TlsUpstream::close);
  }

  /// All of them, in the order to ask them now.
  List<Integer> inOrder(long nowNanos) {
    int size = addresses.size();
    int first =
        switch (order) {
          case SEQUENTIAL -> 0;
          case RANDOM -> ThreadLocalRandom.current().nextInt(size);
          case ROUND_ROBIN -> Math.floorMod(turn.getAndIncrement(), size);
        };
    List<Integer> good = new ArrayList<>(size);
    List<Integer> avoided = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      int index = (first + i) % size;
      (isAvoided(index, nowNanos) ? avoided : good).add(index);
    }
    good.addAll(avoided);
    return good;
  }

  private boolean isAvoided(int index, long nowNanos) {
    long since = failed.get(index);
    return since != 0 && nowNanos - since <= AVOIDED_NANOS;
  }

  boolean haveAllFailed(long nowNanos) {
    for (int i = 0; i < addresses.size(); i++) {
      if (!isAvoided(i, nowNanos)) {
        return false;
      }
    }
    return true;
  }

  void answered(int index) {
    failed.set(index, 0);
  }

  void failed(int index, long nowNanos) {
    failed.set(index, nowNanos == 0 ? 1 : nowNanos);
  }
}
