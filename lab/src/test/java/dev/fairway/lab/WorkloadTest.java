// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static java.util.Objects.requireNonNull;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// What a pod's author counts on: volumes, environment, probes, restarts, a graceful end, and the
/// way to the API from inside.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class WorkloadTest {
  @TempDir Path directory;

  private Transcript transcript(LabCluster cluster, String namespace) throws Exception {
    try (var pods = requireNonNull(WorkloadTest.class.getResourceAsStream("workloads.yaml"))) {
      Files.write(directory.resolve("workloads.yaml"), pods.readAllBytes());
    }
    Transcript transcript =
        new Transcript(
            cluster.shell(),
            Repository.root().resolve("fairway") + " kubectl",
            namespace,
            directory);
    transcript.play(
        """
        $ k create namespace $NS
        ~ k get serviceaccount default
        $ mkdir -p host && sed -i "s|HOST|$PWD/host|" workloads.yaml
        """);
    return transcript;
  }

  @Test
  void podsGetWhatTheirManifestSays(LabCluster cluster) throws Exception {
    transcript(cluster, "given")
        .play(
            """
            $ k apply -f workloads.yaml -l test=given
            $ k wait --for=condition=Ready pod/all --timeout=120s
            $ k exec all -c app -- sh -c 'echo $GREETING $PASSWORD $P_greeting $NODE $ADDRESS $MEMORY'
            hello s3cret hello worker-
            10.200.
            67108864
            $ k exec all -c app -- cat /conf/file.txt /single.txt /secret/password /empty/first
            a line
            a line
            s3cret
            from the init container
            $ k exec all -c app -- stat -c %a /secret/password -L
            400
            ! k exec all -c app -- touch /secret/new
            Read-only file system
            $ k exec all -c app -- sh -c 'echo from the pod > /host/said' && cat host/said
            from the pod
            $ k exec all -c app -- cat /etc/hosts /etc/resolv.conf
            all
            search given.svc.cluster.local svc.cluster.local cluster.local
            nameserver 10.32.0.10
            options ndots:5
            $ k exec all -c app -- sh -c 'cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2> /dev/null || true'
            67108864
            $ k exec all -c app -- ls /var/run/secrets/kubernetes.io/serviceaccount
            ca.crt
            namespace
            token
            $ k exec all -c app -- nc -w 5 $(k get service kubernetes -n default -o jsonpath='{.spec.clusterIP} {.spec.ports[0].port}') < /dev/null
            $ k create role reader --verb=list --resource=pods && k create rolebinding reader --role=reader --serviceaccount=$NS:default
            $ TOKEN=$(k exec all -c app -- cat /var/run/secrets/kubernetes.io/serviceaccount/token) && KUBECONFIG=/dev/null kubectl --server=$(k config view --minify -o jsonpath='{.clusters[0].cluster.server}') --insecure-skip-tls-verify --token=$TOKEN -n $NS get pods -o name
            pod/all
            ! TOKEN=$(k exec all -c app -- cat /var/run/secrets/kubernetes.io/serviceaccount/token) && KUBECONFIG=/dev/null kubectl --server=$(k config view --minify -o jsonpath='{.clusters[0].cluster.server}') --insecure-skip-tls-verify --token=$TOKEN -n $NS get secrets
            User "system:serviceaccount:given:default" cannot list resource "secrets"
            $ k patch configmap conf -p '{"data":{"file.txt":"another line"}}'
            ~ k exec all -c app -- cat /conf/file.txt
            another line
            $ k delete namespace $NS --wait=false
            """);
  }

  @Test
  void podsLiveAndEndAsTheirManifestSays(LabCluster cluster) throws Exception {
    transcript(cluster, "life")
        .play(
            """
            $ k apply -f workloads.yaml -l test=life
            $ k wait --for=jsonpath='{.status.phase}'=Running pod/shy pod/frail pod/polite --timeout=120s
            $ k get endpoints shy -o jsonpath='{.subsets[*].addresses}'
            $ k exec shy -- touch /tmp/open && k wait --for=condition=Ready pod/shy --timeout=30s
            ~ k get endpoints shy
            10.200.
            ~ k exec polite -- wget -q -O- http://shy
            shy
            $ k exec shy -- rm /tmp/open && k wait --for=condition=Ready=false pod/shy --timeout=30s
            ~ k get endpoints shy
            <none>
            $ k exec frail -- rm -r /www
            $ k wait --for=jsonpath='{.status.containerStatuses[0].restartCount}'=1 pod/frail --timeout=120s
            $ k describe pod frail
            Last State: Terminated
            Liveness probe failed: HTTP probe failed with statuscode: 404
            failed liveness probe, will be restarted
            $ k wait --for=jsonpath='{.status.phase}'=Succeeded pod/second --timeout=120s
            $ k get pods second once
            second 0/1 Completed 1
            once 0/1 Error 0
            $ k delete pod polite --wait=false
            ~ k get pod polite
            1/1 Terminating
            $ touch host/enough
            $ k wait --for=delete pod/polite --timeout=30s
            $ cat host/last-words
            goodbye
            $ k delete namespace $NS --wait=false
            """);
  }
}
