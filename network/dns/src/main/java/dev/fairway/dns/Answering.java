// SPDX-License-Identifier: Apache-2.0
package dev.fairway.dns;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/// From a request's octets to a reply's octets, whatever carried them. What the zone or the cache
/// knows is answered at once; what an upstream must be asked for is left to a later, blocking step.
final class Answering {
  private static final Logger LOG = LoggerFactory.getLogger(Answering.class);

  /// What became of a request.
  sealed interface Step {
    /// Send what the writer holds.
    ///
    /// @param forAll whether every asker gets the same until the zone changes
    record Written(boolean forAll) implements Step {}

    /// Say nothing.
    record Silence() implements Step {}

    /// Send each message that it writes.
    record SendAll(Transfer transfer) implements Step {}

    /// Call [Answering#ask] where blocking is fine.
    ///
    /// @param sinceNanos when the request came
    record AskUpstream(
        Query query, ClusterNames.Outcome.Elsewhere elsewhere, Asker asker, long sinceNanos)
        implements Step {}
  }

  private static final Step WRITTEN = new Step.Written(false);
  private static final Step WRITTEN_FOR_ALL = new Step.Written(true);
  private static final Step SILENCE = new Step.Silence();

  private final ClusterNames names;
  private final Supplier<@Nullable Zone> zone;
  private final Forwarder forwarder;
  private final DnsCounts counts;
  private final boolean log;

  Answering(
      ClusterNames names,
      Supplier<@Nullable Zone> zone,
      Forwarder forwarder,
      DnsCounts counts,
      boolean log) {
    this.log = log;
    this.names = names;
    this.zone = zone;
    this.forwarder = forwarder;
    this.counts = counts;
  }

  @Nullable Zone zone() {
    return zone.get();
  }

  DnsCounts counts() {
    return counts;
  }

  /// A place for answers of one listener that come again; null if each is to be logged.
  @Nullable RenderedAnswers rendered() {
    return log ? null : new RenderedAnswers(forwarder.hasUpstreams());
  }

  /// The reply goes to the writer unless the step says otherwise.
  Step answer(Asker asker, byte[] octets, int length, WireWriter writer) {
    return switch (Query.read(octets, length)) {
      case Query.Read.Ignored _ -> SILENCE;
      case Query.Read.Wrong wrong -> {
        Reply.writeError(writer, wrong);
        counts.wrong(wrong.responseCode());
        yield WRITTEN;
      }
      case Query.Read.Asked(Query query) -> answer(asker, query, writer);
    };
  }

  private Step answer(Asker asker, Query query, WireWriter writer) {
    long since = System.nanoTime();
    counts.asked(asker, query);
    if (query.edns() != null && query.edns().version() != 0) {
      write(Reply.error(ResponseCode.BAD_VERSION), query, asker, since, writer);
      return WRITTEN;
    }
    Zone current = zone.get();
    if (asker.overTcp() && current != null) {
      Transfer transfer = names.transfer(current, query, asker.address());
      if (transfer != null) {
        LOG.info("{} gets the whole zone", asker.address().getHostAddress());
        counts.answered(ResponseCode.NO_ERROR, System.nanoTime() - since);
        return new Step.SendAll(transfer);
      }
    }
    return switch (names.resolve(current, query, asker.address())) {
      case ClusterNames.Outcome.Answered(Reply reply) -> {
        write(reply, query, asker, since, writer);
        yield isForAll(current, query, reply) ? WRITTEN_FOR_ALL : WRITTEN;
      }
      case ClusterNames.Outcome.Elsewhere elsewhere -> {
        Reply reply = atOnce(elsewhere, query, asker);
        if (reply == null) {
          yield new Step.AskUpstream(query, elsewhere, asker, since);
        }
        write(reply, query, asker, since, writer);
        yield WRITTEN;
      }
    };
  }

  /// Names of pods and names that are not there may depend on the asker or on what else is known.
  private static boolean isForAll(@Nullable Zone zone, Query query, Reply reply) {
    return zone != null
        && reply.responseCode() == ResponseCode.NO_ERROR
        && reply.authoritative()
        && zone.records(query.name()) != null
        && (reply.answers().isEmpty() || isOwn(query, reply.answers()));
  }

  private static boolean isOwn(Query query, List<ResourceRecord> answers) {
    for (ResourceRecord record : answers) {
      if (record.type() != query.type()) {
        return false; // behind an alias
      }
    }
    // Others than addresses would not take turns.
    return answers.size() == 1 || answers.getFirst().data() instanceof Rdata.Address;
  }

  private @Nullable Reply atOnce(
      ClusterNames.Outcome.Elsewhere elsewhere, Query query, Asker asker) {
    Reply otherwise = elsewhere.otherwise();
    if (otherwise != null && forwarder.isHopeless(elsewhere.name())) {
      // The asker walks its search path itself, and misses no name of the cluster meanwhile.
      Reply kept = forwarder.cached(elsewhere.name(), query);
      return kept == null ? otherwise : behind(elsewhere, kept);
    }
    if (!forwarder.knows(elsewhere.name())) {
      // An alias alone is still an answer; the asker may know how to go on.
      return elsewhere.aliases().isEmpty()
          ? Reply.error(ResponseCode.REFUSED)
          : behind(elsewhere, Reply.error(ResponseCode.NO_ERROR));
    }
    Reply cached = forwarder.cached(elsewhere.name(), query);
    if (cached != null) {
      return behind(elsewhere, cached);
    }
    return forwarder.enter(asker.address()) ? null : Reply.error(ResponseCode.SERVER_FAILURE);
  }

  /// Asks the upstreams and writes their reply. Blocks; to be called once for each
  /// [Step.AskUpstream].
  void ask(Step.AskUpstream step, WireWriter writer) {
    try {
      Reply reply = forwarder.ask(step.elsewhere().name(), step.query());
      write(behind(step.elsewhere(), reply), step.query(), step.asker(), step.sinceNanos(), writer);
    } finally {
      forwarder.leave(step.asker().address());
    }
  }

  private void write(Reply reply, Query query, Asker asker, long since, WireWriter writer) {
    int limit = asker.overTcp() ? WireWriter.MAX_MESSAGE_BYTES : Reply.udpLimit(query);
    reply.write(writer, query, limit, forwarder.hasUpstreams());
    long took = System.nanoTime() - since;
    counts.answered(reply.responseCode(), took);
    if (log) {
      LOG.info(
          "{} {} \"{} {} {}\" {} {} bytes {} us",
          asker.address().getHostAddress(),
          query.id(),
          DnsCounts.typeName(query.type()),
          query.name(),
          asker.overTcp() ? "tcp" : "udp",
          DnsCounts.codeName(reply.responseCode()),
          writer.length(),
          took / 1000);
    }
  }

  private static Reply behind(ClusterNames.Outcome.Elsewhere elsewhere, Reply reply) {
    Reply otherwise = elsewhere.otherwise();
    if (otherwise != null && reply.responseCode() != ResponseCode.NO_ERROR) {
      return otherwise;
    }
    if (elsewhere.aliases().isEmpty()) {
      return reply;
    }
    List<ResourceRecord> answers = new ArrayList<>(elsewhere.aliases());
    answers.addAll(reply.answers());
    return new Reply(reply.responseCode(), false, answers, reply.authorities(), reply.extras());
  }
}
