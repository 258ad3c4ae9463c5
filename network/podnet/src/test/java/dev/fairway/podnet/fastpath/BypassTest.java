// SPDX-License-Identifier: Apache-2.0
package dev.fairway.podnet.fastpath;

import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.linux.NetworkNamespace;
import dev.fairway.net.Bypass;
import dev.fairway.net.IpAddress;
import dev.fairway.net.TransportAddress;
import dev.fairway.podnet.PodLab;
import dev.fairway.podnet.PodTalk;
import dev.fairway.podnet.PodTalk.Pair;
import java.net.ServerSocket;
import java.time.Duration;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What policies need of the fast path: to keep pods off it at once, and to know what was begun on
/// it.
final class BypassTest {
  private static final Duration PATIENCE = Duration.ofMinutes(1);
  private static final int PORT = 8080;

  private static long direct(FastPath fast) {
    return fast.status().packets().getOrDefault(Outcome.DIRECT, 0L);
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void whoOpenedWhatIsKnownAndPacketsLeaveTheWayAtOnce(boolean four) throws Exception {
    try (PodLab lab = new PodLab()) {
      NetworkNamespace a = lab.pod("a", 2);
      NetworkNamespace b = lab.pod("b", 3);
      String client = four ? PodLab.v4(2) : PodLab.v6(2);
      String server = four ? PodLab.v4(3) : PodLab.v6(3);
      try (FastPath fast = new FastPath(lab.node, new FastPath.Mode(true))) {
        assertThat(fast.await(PATIENCE)).isTrue();
        assertThat(fast.begun()).isEmpty();
        try (ServerSocket listener = PodTalk.listen(b, PORT);
            Pair pair = PodTalk.open(a, 0, server, PORT, listener)) {
          pair.exchange();
          assertThat(direct(fast)).isPositive();
          assertThat(fast.begun())
              .containsExactly(
                  new Bypass.Begun(
                      new TransportAddress(IpAddress.parse(client), pair.client().getLocalPort()),
                      new TransportAddress(IpAddress.parse(server), PORT)));
          fast.keepOff(Set.of(IpAddress.parse(server)));
          long before = direct(fast);
          pair.exchange();
          assertThat(direct(fast)).isEqualTo(before);
        }
      }
    }
  }

  @Test
  void theNextAgentKnowsWhatWasBegunAndItsWordCountsWhenItHasSpoken() throws Exception {
    try (PodLab lab = new PodLab()) {
      NetworkNamespace a = lab.pod("a", 2);
      NetworkNamespace b = lab.pod("b", 3);
      IpAddress server = IpAddress.parse(PodLab.v4(3));
      try (FastPath first = new FastPath(lab.node, new FastPath.Mode(true));
          ServerSocket listener = PodTalk.listen(b, PORT)) {
        assertThat(first.await(PATIENCE)).isTrue();
        try (Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
          pair.exchange();
          List<Bypass.Begun> begun = first.begun();
          assertThat(begun).hasSize(1);
          first.close();
          try (FastPath next = new FastPath(lab.node, new FastPath.Mode(true), true)) {
            next.keepOff(Set.of(server));
            assertThat(next.status().links()).isEqualTo(2);
            assertThat(next.begun()).containsAll(begun);
            pair.exchange();
            assertThat(direct(next)).isZero();
          }
        }
      }
    }
  }

  @Test
  void nobodyTakesItBeforeItIsKnownWhoMay() throws Exception {
    try (PodLab lab = new PodLab()) {
      NetworkNamespace a = lab.pod("a", 2);
      NetworkNamespace b = lab.pod("b", 3);
      try (FastPath fast = new FastPath(lab.node, new FastPath.Mode(true), true)) {
        try (ServerSocket listener = PodTalk.listen(b, PORT);
            Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT, listener)) {
          pair.exchange();
          assertThat(direct(fast)).isZero();
        }
        fast.keepOff(Set.of());
        assertThat(fast.await(PATIENCE)).isTrue();
        try (ServerSocket listener = PodTalk.listen(b, PORT + 1);
            Pair pair = PodTalk.open(a, 0, PodLab.v4(3), PORT + 1, listener)) {
          pair.exchange();
          assertThat(direct(fast)).isPositive();
        }
      }
    }
  }
}
