// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// NetworkPolicy on a running cluster, through kubectl.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class PolicyTest {
  private static final String FUNCTIONS =
      """
      run() { k run $1 --image=fairway.local/toolbox:1 --overrides='{"spec":{"terminationGracePeriodSeconds":0,"nodeName":"'$2'"}}'; }
      policy() { k apply -f - <<< '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "'$1'"}, "spec": '"$2"'}'; }
      ip() { k get pod $1 -o jsonpath='{.status.podIP}'; }
      asks() { k exec $1 -- timeout 3 wget -qO- http://$(ip $2); }
      size() { k exec db -- sh -c 'wc -c < /tmp/got'; }
      grows() { local a=$(size) i; for i in {1..100}; do [ $(size) -gt $a ] && return; sleep 0.1; done; return 1; }
      stuck() { local a=$(size); sleep 2; [ $(size) = $a ]; }
      """;

  @TempDir Path directory;
  private LabCluster cluster;

  private void play(String text) throws InterruptedException {
    Transcript transcript =
        new Transcript(
            cluster.shell(),
            Repository.root().resolve("fairway") + " kubectl",
            "guarded",
            directory);
    StringBuilder lines = new StringBuilder();
    String functions = FUNCTIONS.replace("\n", "; ").replace(";;", ";");
    for (String line : text.lines().toList()) {
      boolean command = line.length() > 2 && "$!~".indexOf(line.charAt(0)) >= 0;
      lines
          .append(command ? line.substring(0, 2) + functions + line.substring(2) : line)
          .append('\n');
    }
    transcript.play(
        lines
            .toString()
            .replace(
                "fairway policy why",
                Repository.root().resolve("fairway") + " policy why --name " + cluster.name()));
  }

  @AfterEach
  void takeAway() {
    String all = "./fairway kubectl delete --ignore-not-found --timeout=120s ";
    cluster.shell().run(all + "namespace guarded").good();
  }

  @Test
  void policiesOpenAndCloseAndCut(LabCluster shared) throws Exception {
    cluster = shared;
    play(
        """
        $ k create namespace $NS
        ~ k get serviceaccount default
        $ run db worker-0 && run web worker-0 && run far worker-1
        $ k wait --for=condition=Ready pod/db pod/web pod/far --timeout=120s
        ~ asks web db && asks far db
        db
        db
        $ k exec db -- sh -c '{ sleep 600 | nc -l -p 7001; } > /tmp/got 2>/dev/null &'
        $ k exec web -- sh -c '{ while sleep 0.1; do date; done | nc '$(ip db)' 7001; } >/dev/null 2>&1 &'
        ~ size && grows
        $ policy web '{"podSelector": {"matchLabels": {"run": "db"}}, "ingress": [{"from": [{"podSelector": {"matchLabels": {"run": "web"}}}]}]}'
        ~ ! asks far db
        $ grows
        $ fairway policy why guarded/web guarded/db 7001
        allowed by guarded/web
        ! fairway policy why guarded/far guarded/db 7001
        isolated by guarded/web, and none of them allows it
        $ k label pod web run=other --overwrite
        ~ stuck
        ! asks web db
        $ k label pod far run=web --overwrite
        ~ asks far db
        db
        $ k delete pod db && run db worker-0 && k wait --for=condition=Ready pod/db --timeout=120s
        ~ asks far db
        db
        ! asks web db
        """);
  }

  @Test
  void namesNeedARuleAndTheFirstPacketIsJudged(LabCluster shared) throws Exception {
    cluster = shared;
    play(
        """
        $ k create namespace $NS
        ~ k get serviceaccount default
        $ run web worker-0 && run db worker-1 && k expose pod db --port=80
        $ k wait --for=condition=Ready pod/db pod/web --timeout=120s
        ~ k exec web -- timeout 3 wget -qO- http://db
        db
        $ policy deny '{"podSelector": {}, "policyTypes": ["Egress"]}'
        ~ ! k exec web -- timeout 2 nslookup db.$NS.svc.cluster.local
        $ policy names '{"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 53, "protocol": "UDP"}], "to": [{"namespaceSelector": {}, "podSelector": {"matchLabels": {"k8s-app": "kube-dns"}}}]}]}'
        ~ k exec web -- nslookup db.$NS.svc.cluster.local
        Name: db.guarded.svc.cluster.local
        ! k exec web -- timeout 3 wget -qO- http://db
        $ k run eager --image=fairway.local/toolbox:1 --restart=Never --command -- sh -c 'for i in 1 2 3 4 5 6; do timeout 1 wget -qO- http://'$(ip db)' && echo leaked; done; echo over'
        ~ k logs eager
        over
        $ [ "$(k logs eager | grep -c leaked)" = 0 ]
        $ policy db '{"podSelector": {"matchLabels": {"run": "web"}}, "policyTypes": ["Egress"], "egress": [{"to": [{"podSelector": {"matchLabels": {"run": "db"}}}]}]}'
        ~ k exec web -- timeout 3 wget -qO- http://db
        db
        """);
  }

  /// Every command of the page, and what it shows.
  @Test
  void thePageIsTrue(LabCluster shared) throws IOException {
    cluster = shared;
    assertThat(Page.play(cluster, "recipes/policy.md", "")).isGreaterThanOrEqualTo(20);
  }
}
