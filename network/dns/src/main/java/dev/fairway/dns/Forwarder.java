// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.io.IOException;
import java.net.InetAddress;
import java.security.SecureRandom;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.LongAdder;
import org.jspecify.annotations.Nullable;

/// Asks upstream resolvers what is not of the cluster, and remembers what they said. Blocking, for
/// virtual threads. The same question asked by many at once is asked once.
final class Forwarder {
  /// How often the upstreams of a zone are gone through before giving up, and for how long.
  private static final int ROUNDS = 2;

  private static final Duration MOST = Duration.ofSeconds(5);

  /// After this a stale answer is better than none (RFC 8767 section 5).
  private static final long PATIENCE_MILLIS = 1800;

  /// The longest zone first.
  private final List<Upstreams> routes;

  private final Duration timeout;
  private final boolean staleFirst;
  private final AnswerCache cache;
  private final Map<AnswerCache.Key, CompletableFuture<Reply>> running = new ConcurrentHashMap<>();
  private final SecureRandom random = new SecureRandom();

  private final Semaphore places;
  private final int mostOfOneClient;
  private final Map<InetAddress, Integer> ofClients = new ConcurrentHashMap<>();
  final LongAdder refused = new LongAdder();

  /// @throws IOException if the authorities of TLS upstreams cannot be read
  Forwarder(DnsConfig config) throws IOException {
    Forwarding forwarding = config.forwarding();
    List<Upstreams> all = new ArrayList<>();
    for (Forwarding.Route route : forwarding.routes()) {
      all.add(new Upstreams(route));
    }
    all.sort(Comparator.comparingInt((Upstreams u) -> u.zone().labelCount()).reversed());
    routes = List.copyOf(all);
    timeout = forwarding.timeout();
    places = new Semaphore(forwarding.concurrent());
    mostOfOneClient = Math.max(1, forwarding.concurrent() / 4);
    cache = new AnswerCache(config.caching());
    staleFirst = config.caching().staleFirst();
  }

  void close() {
    routes.forEach(Upstreams::close);
  }

  AnswerCache cache() {
    return cache;
  }

  boolean hasUpstreams() {
    return !routes.isEmpty();
  }

  /// Whether anybody can be asked for the name.
  boolean knows(Name name) {
    return route(name) != null;
  }

  /// Whether nobody can be asked for the name, or all who can be failed a moment ago.
  boolean isHopeless(Name name) {
    Upstreams route = route(name);
    return route == null || route.haveAllFailed(System.nanoTime());
  }

  private @Nullable Upstreams route(Name name) {
    for (Upstreams route : routes) {
      if (name.isWithin(route.zone())) {
        return route;
      }
    }
    return null;
  }

  /// What can be said at once, or null.
  @Nullable Reply cached(Name name, Query query) {
    AnswerCache.Key key = key(name, query);
    AnswerCache.Found found = cache.get(key, System.nanoTime());
    if (found == null || (found.stale() && !staleFirst)) {
      if (found != null && found.refresh()) {
        cache.refreshFailed(key);
      }
      cache.misses.increment();
      return null;
    }
    (found.stale() ? cache.staleHits : cache.hits).increment();
    if (found.refresh()) {
      refresh(name, key);
    }
    return found.reply();
  }

  private void refresh(Name name, AnswerCache.Key key) {
    if (!places.tryAcquire()) {
      cache.refreshFailed(key);
      return;
    }
    cache.prefetches.increment();
    Thread.ofVirtual()
        .name("dns-refresh")
        .start(() -> {
          try {
            fetch(name, key);
          } finally {
            cache.refreshFailed(key);
            places.release();
          }
        });
  }

  private static AnswerCache.Key key(Name name, Query query) {
    return new AnswerCache.Key(name, query.type(), query.dnssecOk());
  }

  /// Takes a place among those that wait for upstreams, to be given back; false if the client or
  /// all together have too many.
  boolean enter(InetAddress client) {
    int mine = ofClients.merge(client, 1, Integer::sum);
    if (mine <= mostOfOneClient && places.tryAcquire()) {
      return true;
    }
    forget(client);
    refused.increment();
    return false;
  }

  void leave(InetAddress client) {
    forget(client);
    places.release();
  }

  private void forget(InetAddress client) {
    ofClients.computeIfPresent(client, (_, count) -> count == 1 ? null : count - 1);
  }

  /// What the upstreams say of `name` with the query's type; a stale answer if they say nothing
  /// useful soon; SERVFAIL if there is none.
  Reply ask(Name name, Query query) {
    AnswerCache.Key key = key(name, query);
    AnswerCache.Found found = cache.get(key, System.nanoTime());
    if (found == null || !found.stale()) {
      return fetch(name, key);
    }
    CompletableFuture<Reply> fetched = new CompletableFuture<>();
    Thread.ofVirtual()
        .name("dns-refresh")
        .start(() -> {
          try {
            fetched.complete(fetch(name, key));
          } catch (RuntimeException e) {
            fetched.complete(Reply.error(ResponseCode.SERVER_FAILURE));
          } finally {
            cache.refreshFailed(key);
          }
        });
    try {
      Reply reply = fetched.get(PATIENCE_MILLIS, TimeUnit.MILLISECONDS);
      if (isSaying(reply.responseCode())) {
        return reply;
      }
    } catch (TimeoutException | java.util.concurrent.ExecutionException e) {
      // It goes on, and the next asker profits.
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    cache.staleHits.increment();
    return found.reply();
  }

  private Reply fetch(Name name, AnswerCache.Key key) {
    CompletableFuture<Reply> mine = new CompletableFuture<>();
    CompletableFuture<Reply> theirs = running.putIfAbsent(key, mine);
    if (theirs != null) {
      return theirs.join();
    }
    Reply reply = Reply.error(ResponseCode.SERVER_FAILURE);
    try {
      reply = askInTurn(name, key);
      cache.put(key, reply, System.nanoTime());
      return reply;
    } finally {
      running.remove(key);
      mine.complete(reply);
    }
  }

  private Reply askInTurn(Name name, AnswerCache.Key key) {
    Reply last = Reply.error(ResponseCode.SERVER_FAILURE);
    Upstreams route = route(name);
    long start = System.nanoTime();
    for (int round = 0; round < ROUNDS && route != null; round++) {
      for (int index : route.inOrder(System.nanoTime())) {
        Duration left = MOST.minusNanos(System.nanoTime() - start);
        if (left.toMillis() < 1) {
          return last;
        }
        try {
          Duration patience = left.compareTo(timeout) < 0 ? left : timeout;
          Message message =
              new Exchange(random, route.address(index), name, key.type(), key.dnssecOk(), patience)
                  .run(route.overTls(index));
          Reply reply = reply(message);
          if (isSaying(reply.responseCode())) {
            route.answered(index);
            return reply;
          }
          last = reply;
        } catch (IOException | MalformedMessage e) {
          // Silent, closed or talking nonsense: the next one is the remedy.
          route.failed(index, System.nanoTime());
        }
      }
    }
    return last;
  }

  private static boolean isSaying(int responseCode) {
    return responseCode == ResponseCode.NO_ERROR || responseCode == ResponseCode.NAME_ERROR;
  }

  private static Reply reply(Message message) {
    return new Reply(
        message.responseCode(),
        false,
        message.answers(),
        message.authorities(),
        message.extras().stream().filter(record -> record.type() != RecordType.OPT).toList());
  }
}
