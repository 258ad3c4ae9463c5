// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import static dev.fairway.traffic.policy.Objects.namespace;
import static dev.fairway.traffic.policy.Objects.policy;
import static org.assertj.core.api.Assertions.assertThat;

import dev.fairway.net.IpAddress;
import dev.fairway.net.Protocol;
import dev.fairway.reconcile.ObjectKey;
import io.fabric8.kubernetes.api.model.Pod;
import java.util.List;
import org.junit.jupiter.api.Test;

/// Whose an address is while pods of one name follow one another.
final class PolicyIndexTest {
  private static final ObjectKey WEB = new ObjectKey("x", "web-0");
  private static final ObjectKey OTHER = new ObjectKey("x", "other");
  private static final IpAddress A1 = IpAddress.parse("10.200.0.11");
  private static final IpAddress A2 = IpAddress.parse("10.200.0.12");
  private static final IpAddress OUTSIDE = IpAddress.parse("1.1.1.1");

  private final PolicyIndex index = new PolicyIndex("w", List.of(), problem -> {});

  private static Pod web(String uid) {
    Pod pod = Objects.pod("x", "web-0", "w", 11);
    pod.getMetadata().setUid(uid);
    pod.setStatus(null);
    return pod;
  }

  private void set(Pod... pods) {
    index.set(
        List.of(namespace("x")),
        List.of(pods),
        List.of(
            policy(
                "x/web",
                "podSelector: {matchLabels: {pod: web-0}}\npolicyTypes: [Ingress, Egress]\n"
                    + "egress: [{}]")));
  }

  private boolean isOpen(IpAddress from) {
    return index.refresh().decide(new Packet(from, OUTSIDE, Protocol.TCP, 80)).isEmpty();
  }

  private boolean isIsolated(IpAddress address) {
    return index.refresh().pods().containsKey(address);
  }

  @Test
  void aPodIsClosedUntilItsOwnObjectIsThereWhateverAnEarlierOfItsNameMay() {
    set(web("u1"));
    index.admit(WEB, "u1", List.of(A1));
    assertThat(isOpen(A1)).isTrue();
    index.admit(WEB, "u2", List.of(A2));
    assertThat(index.knows(WEB, "u2")).isFalse();
    index.closed(WEB);
    assertThat(isOpen(A2)).isFalse();
    assertThat(isIsolated(A1)).isTrue();
    index.podChanged(WEB, null);
    assertThat(isOpen(A2)).isFalse();
    index.podChanged(WEB, web("u2"));
    assertThat(isOpen(A2)).isTrue();
    assertThat(isIsolated(A2)).isTrue();
  }

  @Test
  void allInterfacesOfAPodAreIsolated() {
    set(web("u1"));
    index.admit(WEB, "u1", List.of(A1));
    index.admit(WEB, "u1", List.of(A2));
    assertThat(isIsolated(A1)).isTrue();
    assertThat(isIsolated(A2)).isTrue();
    index.leave(WEB, List.of(A2));
    assertThat(isIsolated(A1)).isTrue();
    assertThat(isIsolated(A2)).isFalse();
  }

  @Test
  void anAddressThatAnotherGetsTakesNothingElse() {
    set(web("u1"));
    // Failed and asked again: another address.
    index.admit(WEB, "u1", List.of(A1));
    index.leave(WEB, List.of(A1));
    index.admit(WEB, "u1", List.of(A2));
    index.admit(OTHER, "o", List.of(A1));
    assertThat(isIsolated(A2)).isTrue();
    assertThat(isIsolated(A1)).isFalse();
    // What the other leaves now is its own only.
    index.leave(WEB, List.of(A1));
    index.admit(WEB, "u1", List.of(A1));
    assertThat(isIsolated(A1)).isTrue();
  }

  @Test
  void theAddressOfAnEarlierPodOfTheNameTakesNothingFromItsSuccessor() {
    set(web("u1"));
    index.admit(WEB, "u1", List.of(A1));
    index.admit(WEB, "u2", List.of(A2));
    index.podChanged(WEB, null);
    index.admit(OTHER, "o", List.of(A1));
    index.podChanged(WEB, web("u2"));
    assertThat(isIsolated(A2)).isTrue();
    assertThat(isIsolated(A1)).isFalse();
  }

  @Test
  void whatWasConnectedBeforeAllIsKnownStaysSo() {
    index.admit(WEB, "u1", List.of(A1));
    set(web("u1"));
    assertThat(isIsolated(A1)).isTrue();
  }
}
