// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Semaphore;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/// From a request's octets to a reply's octets, whatever carried them. What the zone or the cache
/// knows is answered at once; what an upstream must be asked for is left to a later, blocking step.
final class Answering {
  /// What became of a request.
  sealed interface Step {
    /// Send what the writer holds.
    record Written() implements Step {}

    /// Say nothing.
    record Silence() implements Step {}

    /// Call [Answering#ask] where blocking is fine.
    record AskUpstream(Query query, ClusterNames.Outcome.Elsewhere elsewhere) implements Step {}
  }

  private static final Step WRITTEN = new Step.Written();
  private static final Step SILENCE = new Step.Silence();

  private final ClusterNames names;
  private final Supplier<@Nullable Zone> zone;
  private final Forwarder forwarder;
  private final Semaphore forwards;

  Answering(
      ClusterNames names, Supplier<@Nullable Zone> zone, Forwarder forwarder, int forwardsAtOnce) {
    this.names = names;
    this.zone = zone;
    this.forwarder = forwarder;
    this.forwards = new Semaphore(forwardsAtOnce);
  }

  /// @param limitBytes how large the reply may be, 0 for what the query allows over UDP
  Step answer(byte[] octets, int length, int limitBytes, WireWriter writer) {
    return switch (Query.read(octets, length)) {
      case Query.Read.Ignored _ -> SILENCE;
      case Query.Read.Wrong wrong -> {
        Reply.writeError(writer, wrong);
        yield WRITTEN;
      }
      case Query.Read.Asked(Query query) -> answer(query, limitBytes, writer);
    };
  }

  private Step answer(Query query, int limitBytes, WireWriter writer) {
    if (query.edns() != null && query.edns().version() != 0) {
      return written(Reply.error(ResponseCode.BAD_VERSION), query, limitBytes, writer);
    }
    return switch (names.resolve(zone.get(), query)) {
      case ClusterNames.Outcome.Answered(Reply reply) -> written(reply, query, limitBytes, writer);
      case ClusterNames.Outcome.Elsewhere elsewhere ->
          elsewhere(elsewhere, query, limitBytes, writer);
    };
  }

  private Step elsewhere(
      ClusterNames.Outcome.Elsewhere elsewhere, Query query, int limitBytes, WireWriter writer) {
    Reply cached = forwarder.cached(elsewhere.name(), query);
    if (cached != null) {
      return written(behind(elsewhere.aliases(), cached), query, limitBytes, writer);
    }
    if (!forwarder.hasUpstreams()) {
      // An alias alone is still an answer; the asker may know how to go on.
      Reply reply =
          elsewhere.aliases().isEmpty()
              ? Reply.error(ResponseCode.REFUSED)
              : behind(elsewhere.aliases(), Reply.error(ResponseCode.NO_ERROR));
      return written(reply, query, limitBytes, writer);
    }
    if (!forwards.tryAcquire()) {
      return written(Reply.error(ResponseCode.SERVER_FAILURE), query, limitBytes, writer);
    }
    return new Step.AskUpstream(query, elsewhere);
  }

  private Step written(Reply reply, Query query, int limitBytes, WireWriter writer) {
    write(reply, query, limitBytes, writer);
    return WRITTEN;
  }

  /// Asks the upstreams and writes their reply. Blocks; to be called once for each
  /// [Step.AskUpstream].
  void ask(Step.AskUpstream step, int limitBytes, WireWriter writer) {
    try {
      Reply reply = forwarder.ask(step.elsewhere().name(), step.query());
      write(behind(step.elsewhere().aliases(), reply), step.query(), limitBytes, writer);
    } finally {
      forwards.release();
    }
  }

  private void write(Reply reply, Query query, int limitBytes, WireWriter writer) {
    int limit = limitBytes == 0 ? Reply.udpLimit(query) : limitBytes;
    reply.write(writer, query, limit, forwarder.hasUpstreams());
  }

  private static Reply behind(List<ResourceRecord> aliases, Reply reply) {
    if (aliases.isEmpty()) {
      return reply;
    }
    List<ResourceRecord> answers = new ArrayList<>(aliases);
    answers.addAll(reply.answers());
    return new Reply(reply.responseCode(), false, answers, reply.authorities(), reply.extras());
  }
}
