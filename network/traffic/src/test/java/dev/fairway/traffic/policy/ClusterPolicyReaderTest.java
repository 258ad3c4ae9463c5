// SPDX-License-Identifier: Apache-2.0
package dev.fairway.traffic.policy;

import static dev.fairway.traffic.policy.Objects.clusterPolicy;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.assertj.core.groups.Tuple;
import org.junit.jupiter.api.Test;

/// What is wrong with an object is told by its field, and fails closed.
final class ClusterPolicyReaderTest {
  private static final String HEAD =
      "tier: Admin\npriority: 1\nsubject: {namespaces: {}}\nstatus: {conditions: []}\n";

  private final List<String> problems = new ArrayList<>();
  private final ClusterPolicyReader reader = new ClusterPolicyReader(problems::add);

  private void told(String what) {
    assertThat(problems).containsExactly("ClusterNetworkPolicy p: " + what);
    problems.clear();
  }

  private void unused(String spec, String what) {
    assertThat(reader.read(clusterPolicy("p", spec))).isEmpty();
    told(what + "; the policy is not used");
  }

  private void closed(String rule, String what) {
    ClusterPolicy accepts =
        reader
            .read(clusterPolicy("p", HEAD + "egress: [{action: Accept, " + rule + "}]"))
            .orElseThrow();
    assertThat(accepts.egress()).isEmpty();
    told("spec.egress[0]" + what + "; the rule accepts nothing");
    for (String action : List.of("Deny", "Pass")) {
      ClusterPolicy denies =
          reader
              .read(clusterPolicy("p", HEAD + "egress: [{action: " + action + ", " + rule + "}]"))
              .orElseThrow();
      assertThat(denies.egress())
          .extracting(ClusterPolicy.Rule::action, one -> one.match().toString())
          .containsExactly(Tuple.tuple(Action.DENY, "Rule[peers=[anyone], ports=[all ports]]"));
      told("spec.egress[0]" + what + "; the rule denies all");
    }
  }

  @Test
  void aPolicyThatNobodyKnowsWhenToAskOrOfWhomIsNotUsed() {
    unused("subject: {namespaces: {}}", "spec.tier: \"null\" is not Admin or Baseline");
    unused("tier: Other\npriority: 1", "spec.tier: \"Other\" is not Admin or Baseline");
    unused("tier: Admin", "spec.priority: null is not from 0 to 1000");
    unused("tier: Admin\npriority: 1001", "spec.priority: 1001 is not from 0 to 1000");
    unused("tier: Admin\npriority: 1", "spec.subject: give one of namespaces and pods");
    unused(
        "tier: Admin\npriority: 1\nsubject: {nodes: {}}",
        "spec.subject: give one of namespaces and pods");
    unused(
        "tier: Admin\npriority: 1\nsubject: {namespaces: {matchExpressions: [{key: a, operator:"
            + " Is}]}}",
        "spec.subject.namespaces: matchExpressions[0].operator: \"Is\" is not In, NotIn, Exists or"
            + " DoesNotExist");
  }

  @Test
  void aRuleThatIsNotUnderstoodFailsClosed() {
    closed("name: a", ".to: is missing");
    closed(
        "to: [{}]",
        ".to[0]: has nothing that is known here; give one of namespaces, pods, nodes, networks");
    closed(
        "to: [{namespaces: {}, nodes: {}}]",
        ".to[0]: has more than one; give one of namespaces, pods, nodes, networks");
    closed("to: [{domainNames: [fairway.dev]}]", ".to[0].domainNames: is not supported");
    closed("to: [{networks: []}]", ".to[0].networks: is empty");
    closed(
        "to: [{networks: [10.0.0.0]}]",
        ".to[0].networks[0]: \"10.0.0.0\" is not a prefix: it has no /length");
    closed(
        "to: [{pods: {namespaceSelector: {}}}]",
        ".to[0].pods.podSelector: is missing; {} is for all");
    closed("to: [{nodes: {}}], protocols: []", ".protocols: is empty; leave it out for all");
    closed(
        "to: [{nodes: {}}], protocols: [{}]",
        ".protocols[0]: give one of tcp, udp, sctp and destinationNamedPort");
    closed(
        "to: [{nodes: {}}], protocols: [{tcp: {sourcePort: 1}}]",
        ".protocols[0].tcp: has nothing that is known here; give destinationPort");
    closed(
        "to: [{nodes: {}}], protocols: [{tcp: {destinationPort: {}}}]",
        ".protocols[0].tcp.destinationPort: give one of number and range");
    closed(
        "to: [{nodes: {}}], protocols: [{udp: {destinationPort: {number: 0}}}]",
        ".protocols[0].udp.destinationPort: 0 is not from 1 to 65535");
    closed(
        "to: [{nodes: {}}], protocols: [{sctp: {destinationPort: {range: {start: 9, end: 8}}}}]",
        ".protocols[0].sctp.destinationPort: 9 to 8 is not from 1 to 65535");
    closed(
        "to: [{nodes: {}}], protocols: [{destinationNamedPort: web}]",
        ".protocols: has destinationNamedPort, but only pods have ports with names");
    ClusterPolicy ingress =
        reader
            .read(clusterPolicy("p", HEAD + "ingress: [{action: Ask, from: [{nodes: {}}]}]"))
            .orElseThrow();
    assertThat(ingress.ingress()).extracting(ClusterPolicy.Rule::action).contains(Action.DENY);
    told("spec.ingress[0].action: \"Ask\" is not Accept, Deny or Pass; the rule denies all");
  }

  @Test
  void theOthersOfItsRulesHold() {
    ClusterPolicy read =
        reader
            .read(
                clusterPolicy(
                    "p",
                    HEAD
                        + "ingress: [{action: Accept, from: [{}]}, {name: second, action: Pass,"
                        + " from: [{pods: {podSelector: {}}}]}]"))
            .orElseThrow();
    assertThat(read.ingress()).extracting(ClusterPolicy.Rule::name).containsExactly("second");
  }
}
