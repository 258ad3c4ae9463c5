// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.assertj.core.api.SoftAssertions;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;

/// What people type every day, with the oldest and the newest kubectl there is here, or where these
/// are not, the one that `./fairway kubectl` runs, as all other tests do.
/// `-Dtest.jvm.extra=-Dkubectls=all` asks for all three.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class KubectlTest {
  private static final List<String> VERSIONS = List.of("1.27", "1.33");

  @TempDir Path directory;

  private static List<String> kubectls() throws IOException {
    List<String> found = new ArrayList<>();
    for (String entry : System.getenv("PATH").split(":")) {
      Path kubectl = Path.of(entry, "kubectl");
      if (Files.isExecutable(kubectl)) {
        for (String version : VERSIONS) {
          Path versioned = kubectl.toRealPath().resolveSibling("kubectl." + version);
          if (Files.isExecutable(versioned)) {
            found.add(versioned.toString());
          }
        }
        break;
      }
    }
    if (found.size() < VERSIONS.size() || System.getProperty("kubectls", "").equals("all")) {
      found.add("./fairway kubectl");
    }
    return found;
  }

  /// Plays a topic with every kubectl at the same time, each in a namespace of its own.
  private void play(LabCluster cluster, String topic, String text) throws Exception {
    List<Future<?>> plays = new ArrayList<>();
    try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
      for (String kubectl : kubectls()) {
        plays.add(threads.submit(() -> play(cluster, kubectl, topic, text)));
      }
    }
    SoftAssertions all = new SoftAssertions();
    for (Future<?> play : plays) {
      if (play.state() == Future.State.FAILED) {
        all.fail(play.exceptionNow().getMessage());
      }
    }
    all.assertAll();
  }

  private @Nullable Void play(LabCluster cluster, String kubectl, String topic, String text)
      throws IOException, InterruptedException {
    boolean ours = kubectl.startsWith("./");
    String tag = ours ? "path" : kubectl.substring(kubectl.lastIndexOf('.') + 1);
    String program =
        ours
            ? Repository.root().resolve(kubectl).toString()
            : kubectl + " --kubeconfig /var/lib/fairway/" + LabCluster.NAME + "/admin.kubeconfig";
    Path here = Files.createDirectories(directory.resolve(tag));
    try (var app = requireNonNull(KubectlTest.class.getResourceAsStream("app.yaml"))) {
      Files.write(here.resolve("app.yaml"), app.readAllBytes());
    }
    Transcript transcript = new Transcript(cluster.shell(), program, topic + "-" + tag, here);
    transcript.play("$ k create namespace $NS\n~ k get serviceaccount default\n" + text);
    transcript.play("$ k delete namespace $NS --wait=false\n");
    return null;
  }

  @Test
  void looksAtTheCluster(LabCluster cluster) throws Exception {
    play(
        cluster,
        "look",
        """
        $ k version
        Server Version
        $ k cluster-info
        Kubernetes control plane
        is running at
        $ k api-versions
        apps/v1
        networking.k8s.io/v1
        v1
        $ k api-resources
        NAME SHORTNAMES APIVERSION NAMESPACED KIND
        pods po v1 true Pod
        deployments deploy apps/v1 true Deployment
        $ k get $(k api-resources --verbs=list -o name | paste -sd,) --ignore-not-found -o name
        configmap/kube-root-ca.crt
        $ k get --raw /readyz
        ok
        $ k get nodes -o wide
        NAME STATUS ROLES AGE VERSION INTERNAL-IP EXTERNAL-IP OS-IMAGE KERNEL-VERSION CONTAINER-RUNTIME
        worker-0 Ready <none>
        containerd://
        $ k get namespaces,services -A
        namespace/kube-system Active
        kube-system service/kube-dns ClusterIP 10.32.0.10 <none> 53/UDP,53/TCP
        $ k describe node worker-0
        Lease:
        Ready True
        PodCIDR:
        Allocated resources:
        $ k describe namespace kube-system
        Status: Active
        $ k auth can-i create pods
        yes
        ! k auth can-i create pods --as=nobody
        no
        $ k config view --minify
        certificate-authority-data: DATA+OMITTED
        $ k explain pod.spec.containers.image
        FIELD: image <string>
        $ k explain deployment --recursive
        strategy <
        rollingUpdate
        $ k explain pod
        spec <PodSpec>
        PodSpec is a description of a pod.
        ! k explain pod.spec.nope
        field "nope" does not exist
        ! k top nodes
        Metrics API not available
        ! k get nope
        the server doesn't have a resource type "nope"
        $ { timeout 20 $K proxy --port=0 > proxy.txt 2>&1 & } ; P=$!; retry grep -q serve proxy.txt; A=$(grep -o '127.0.0.1:[0-9]*' proxy.txt); busybox wget -q -O- http://$A/api/v1/namespaces/default; kill $P
        "kind":"Namespace"
        """);
  }

  @Test
  void createsAndDescribes(LabCluster cluster) throws Exception {
    play(
        cluster,
        "make",
        """
        $ k create deployment web --image=fairway.local/toolbox:1 --replicas=2 --port=80
        deployment.apps/web created
        $ k create service clusterip ci --tcp=80:80
        service/ci created
        $ k create service nodeport np --tcp=80:80
        $ k create service loadbalancer lb --tcp=80:80
        $ k create service externalname en --external-name=example.com
        $ k create configmap conf --from-literal=a=b
        $ k create secret generic word --from-literal=p=q
        $ openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -subj /CN=x -days 2 2>&1 && k create secret tls pair --cert=cert.pem --key=key.pem
        secret/pair created
        $ k create job once --image=fairway.local/toolbox:1 -- echo done
        $ k create cronjob often --image=fairway.local/toolbox:1 --schedule='0 0 1 1 *' -- true
        $ k create job now --from=cronjob/often
        $ k create serviceaccount robot
        $ k create token robot
        ey
        $ k create role reader --verb=get,list --resource=pods
        $ k create rolebinding robots --role=reader --serviceaccount=$NS:robot
        $ k auth can-i list pods --as=system:serviceaccount:$NS:robot
        yes
        ! k auth can-i delete pods --as=system:serviceaccount:$NS:robot
        no
        $ k create clusterrole $NS --verb=get --resource=nodes
        $ k create clusterrolebinding $NS --clusterrole=$NS --serviceaccount=$NS:robot
        $ k create quota most --hard=services=50,pods=200
        $ k create ingress way --rule=example.com/path=ci:80
        $ k create poddisruptionbudget keep --selector=app=web --min-available=1
        $ k create priorityclass $NS --value=1000 --description=important
        $ k expose deployment web --port=80
        service/web exposed
        $ k expose deployment web --port=80 --type=NodePort --name=outside
        $ k run one --image=fairway.local/toolbox:1 --restart=Never --labels=role=single
        pod/one created
        $ k rollout status deployment/web --timeout=120s
        successfully rolled out
        $ k wait --for=condition=complete job/once job/now --timeout=120s
        job.batch/once condition met
        $ k wait --for=condition=Ready pod/one --timeout=120s
        pod/one condition met
        $ k wait --for=jsonpath='{.status.readyReplicas}'=2 deployment/web --timeout=120s
        $ k get all -o wide
        NAME READY STATUS RESTARTS AGE IP NODE NOMINATED NODE READINESS GATES
        pod/once-
        0/1 Completed 0
        pod/one 1/1 Running 0
        10.200.
        NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR
        service/en ExternalName <none> example.com <none>
        service/lb LoadBalancer 10.32.
        <pending> 80:3
        service/outside NodePort 10.32.
        NAME READY UP-TO-DATE AVAILABLE AGE CONTAINERS IMAGES SELECTOR
        deployment.apps/web 2/2 2 2
        toolbox fairway.local/toolbox:1 app=web
        replicaset.apps/web-
        cronjob.batch/often 0 0 1 1 *
        job.batch/once
        $ k get endpoints,endpointslices
        endpoints/web 10.200.
        endpointslice.discovery.k8s.io/web-
        $ k get configmap,secret,serviceaccount,role,rolebinding,quota,ingress,pdb
        configmap/conf 1
        secret/pair kubernetes.io/tls 2
        serviceaccount/robot 0
        rolebinding.rbac.authorization.k8s.io/robots Role/reader
        ingress.networking.k8s.io/way <none> example.com
        $ k get pods -l app=web --field-selector=status.phase=Running --no-headers -o custom-columns=N:.metadata.name,IP:.status.podIP
        web-
        10.200.
        $ k get pod one -o jsonpath='{.metadata.labels.role} {.spec.restartPolicy}'
        single Never
        $ k get deployment web -o json
        "kind": "Deployment"
        $ k get service web -o yaml
        clusterIP: 10.32.
        $ k get pods --sort-by=.metadata.name --show-labels -L role
        $ k get pods --chunk-size=1 -o name
        pod/one
        $ k describe pod one
        Name: one
        Node: worker-
        State: Running
        QoS Class: BestEffort
        Scheduled
        Pulled
        Created
        Started
        $ k describe deployment web
        Replicas: 2 desired | 2 updated | 2 total | 2 available | 0 unavailable
        NewReplicaSet: web-
        (2/2 replicas created)
        ScalingReplicaSet
        $ k describe service web
        Selector: app=web
        IP: 10.32.
        Endpoints: 10.200.
        $ k describe job once
        Selector: batch.kubernetes.io/controller-uid=
        Pods Statuses: 0 Active
        1 Succeeded / 0 Failed
        $ for kind in rs cm secret sa role rolebinding quota ing pdb ep endpointslice cronjob; do k describe $kind || exit; done
        Controlled By: Deployment/web
        $ k describe clusterrole,clusterrolebinding,priorityclass $NS
        Value: 1000
        $ k get events --field-selector=involvedObject.name=one
        LAST SEEN TYPE REASON OBJECT MESSAGE
        Normal Scheduled pod/one Successfully assigned
        $ k events --for pod/one
        Scheduled
        $ k delete clusterrole,clusterrolebinding,priorityclass $NS
        """);
  }

  @Test
  void appliesAndChanges(LabCluster cluster) throws Exception {
    play(
        cluster,
        "change",
        """
        $ k apply -f app.yaml --dry-run=client
        deployment.apps/app created (dry run)
        $ k apply -f app.yaml --dry-run=server
        deployment.apps/app created (server dry run)
        ! k get deployment app
        ! k diff -f app.yaml
        +kind: Deployment
        $ k apply -f app.yaml
        configmap/app created
        deployment.apps/app created
        service/app created
        $ k apply -f app.yaml
        configmap/app unchanged
        deployment.apps/app unchanged
        service/app unchanged
        $ k diff -f app.yaml
        $ sed -i -e 's/value: one/value: uno/' -e '/name: SECOND/d' -e '/k2:/d' -e 's/port: 81, name: b/port: 82, name: c/' app.yaml
        ! k diff -f app.yaml
        - k2: v2
        $ k apply -f app.yaml
        configmap/app configured
        deployment.apps/app configured
        service/app configured
        $ k get configmap app -o jsonpath='{.data}'
        {"k1":"v1"}
        $ k get deployment app -o jsonpath='{.spec.template.spec.containers[0].env}'
        [{"name":"FIRST","value":"uno"}]
        $ k get service app -o jsonpath='{.spec.ports[*].name} {.spec.ports[*].port}'
        a c 80 82
        $ sed -i '/name: side/d' app.yaml && k apply -f app.yaml
        deployment.apps/app configured
        $ k get deployment app -o jsonpath='{.spec.template.spec.containers[*].name}'
        app
        $ k rollout status deployment/app --timeout=120s
        $ k apply view-last-applied deployment/app
        name: app
        $ k replace -f app.yaml
        deployment.apps/app replaced
        $ k set image deployment/app app=fairway.local/toolbox:1
        $ k set env deployment/app COLOUR=red
        deployment.apps/app env updated
        $ k set env deployment/app --list
        COLOUR=red
        $ k annotate deployment/app kubernetes.io/change-cause=coloured
        $ k rollout status deployment/app --timeout=120s
        $ k set resources deployment/app --limits=memory=64Mi --requests=cpu=10m
        deployment.apps/app resource requirements updated
        $ k rollout status deployment/app --timeout=120s
        $ k rollout history deployment/app
        REVISION CHANGE-CAUSE
        coloured
        $ k rollout history deployment/app --revision=1
        Pod Template:
        $ k rollout undo deployment/app
        deployment.apps/app rolled back
        $ k rollout status deployment/app --timeout=120s
        $ k get deployment app -o jsonpath='{.spec.template.spec.containers[0].resources}'
        {}
        $ k rollout pause deployment/app
        ! k rollout restart deployment/app
        can't restart paused deployment
        $ k rollout resume deployment/app
        $ k rollout restart deployment/app
        deployment.apps/app restarted
        $ k rollout status deployment/app --timeout=120s
        $ k scale deployment app --replicas=3
        deployment.apps/app scaled
        ! k scale deployment app --replicas=1 --current-replicas=9
        Expected replicas to be 9, was 3
        $ k wait --for=jsonpath='{.status.readyReplicas}'=3 deployment/app --timeout=120s
        $ k patch deployment app -p '{"spec":{"replicas":1}}'
        deployment.apps/app patched
        $ k patch deployment app --type=merge -p '{"metadata":{"labels":{"new":"label"}}}'
        $ k patch deployment app --type=json -p '[{"op":"remove","path":"/metadata/labels/new"}]'
        $ k patch deployment app --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'
        $ k get deployment app -o jsonpath='{.spec.replicas} {.metadata.labels}'
        2 {"app":"app"}
        $ EDITOR="sed -i s/replicas:.2/replicas:\\ 1/" k edit deployment app
        deployment.apps/app edited
        $ EDITOR=true k edit deployment app
        Edit cancelled, no changes made.
        ! EDITOR="sed -i s/replicas:.1/replicas:\\ one/" k edit deployment app
        spec.replicas: expected an integer
        $ k label deployment app tier=front
        deployment.apps/app labeled
        ! k label deployment app tier=back
        'tier' already has a value (front), and --overwrite is false
        $ k label deployment app tier=back --overwrite
        $ k label deployment app tier-
        deployment.apps/app unlabeled
        $ k annotate deployment app note=x
        deployment.apps/app annotate
        $ k delete -f app.yaml
        deployment.apps "app" deleted
        service "app" deleted
        """);
  }

  @Test
  void talksToPods(LabCluster cluster) throws Exception {
    play(
        cluster,
        "talk",
        """
        $ sed -i 's/value: one/value: "1"/' app.yaml && k apply -f app.yaml
        $ k rollout status deployment/app --timeout=120s
        $ k run crash --image=fairway.local/toolbox:1 -- sh -c 'echo falling; exit 3'
        $ k logs deployment/app -c side --tail=1
        line 3
        $ k logs -l app=app --all-containers --prefix --timestamps
        /side]
        line 1
        $ POD=$(k get pod -l app=app -o name) && k logs $POD
        Defaulted container "app" out of: app, side
        ! POD=$(k get pod -l app=app -o name) && k logs $POD -c nope
        container nope is not valid for pod
        ! timeout 3 $K -n $NS logs -f deployment/app -c side
        line 1
        line 2
        line 3
        $ k exec deployment/app -c app -- hostname
        app-
        $ echo piped | k exec -i deployment/app -c app -- cat
        piped
        ! k exec deployment/app -c app -- sh -c 'exit 7'
        exit code 7
        $ k exec deployment/app -c app -- sh -c 'exit 7' ; test $? = 7
        ! k exec deployment/app -c app -- nope
        executable file not found
        $ { printf 'echo $((6*7))\\nexit\\n'; sleep 3; } | script -qec "$K -n $NS exec -it deployment/app -c app -- sh" /dev/null
        / #
        42
        $ POD=$(k get pod -l app=app -o jsonpath='{.items[0].metadata.name}') && head -c 3000000 /dev/urandom > big && k cp big $POD:/tmp/big -c app && k cp $POD:/tmp/big back -c app && cmp big back && echo same
        same
        $ POD=$(k get pod -l app=app -o jsonpath='{.items[0].metadata.name}') && mkdir -p tree/leaf && echo green > tree/leaf/colour && k cp tree $POD:/tmp/tree -c app && k exec $POD -c app -- cat /tmp/tree/leaf/colour
        green
        $ { timeout 20 $K -n $NS port-forward deployment/app :80 > pod.txt 2>&1 & } ; P=$!; retry grep -q Forwarding pod.txt; for _ in 1 2; do busybox wget -q -O- http://$(grep -o -m1 '127.0.0.1:[0-9]*' pod.txt); done; kill $P
        app-
        app-
        $ { timeout 20 $K -n $NS port-forward service/app :80 > svc.txt 2>&1 & } ; P=$!; retry grep -q Forwarding svc.txt; busybox wget -q -O- http://$(grep -o -m1 '127.0.0.1:[0-9]*' svc.txt); kill $P
        app-
        ! timeout 3 $K -n $NS attach deployment/app -c side
        $ echo data | k run pipe --image=fairway.local/toolbox:1 --restart=Never --rm -i -- cat
        data
        pod "pipe" deleted
        $ { printf 'echo $((6*7))\\nexit 4\\n'; sleep 3; } | script -qec "$K -n $NS run shell --image=fairway.local/toolbox:1 --restart=Never --rm -it -- sh" /dev/null; test $? = 4
        42
        pod "shell" deleted
        ~ k get pod crash
        CrashLoopBackOff
        ~ k logs crash --previous
        falling
        $ k describe pod crash
        Reason: CrashLoopBackOff
        Last State: Terminated
        Exit Code: 3
        Back-off restarting failed container
        """);
  }

  @Test
  void waitsAndDeletes(LabCluster cluster) throws Exception {
    play(
        cluster,
        "end",
        """
        $ k run first --image=fairway.local/toolbox:1
        $ { timeout 60 $K -n $NS get pods --watch > watched.txt 2>&1 & } ; P=$!; retry grep -q first watched.txt; k run seen --image=fairway.local/toolbox:1; retry grep -q 'seen.*Running' watched.txt; kill $P; cat watched.txt
        NAME READY STATUS RESTARTS AGE
        first
        seen 0/1 Pending 0
        seen 0/1 ContainerCreating 0
        seen 1/1 Running 0
        $ k delete pod first --now
        $ k delete pod seen --wait=false
        pod "seen" deleted
        $ k wait --for=delete pod/seen --timeout=120s
        ! k wait --for=condition=Ready pod/absent --timeout=5s
        pods "absent" not found
        $ k create job kept --image=fairway.local/toolbox:1 -- true
        $ k create job gone --image=fairway.local/toolbox:1 -- true
        $ k wait --for=condition=complete job/kept job/gone --timeout=120s
        $ k delete job kept --cascade=orphan
        $ k delete job gone --cascade=foreground
        $ k get pods -o name
        pod/kept-
        $ k get pods -l job-name=gone
        No resources found
        $ k create deployment web --image=fairway.local/toolbox:1 --replicas=2
        $ k rollout status deployment/web --timeout=120s
        $ k delete deployment web --cascade=background
        deployment.apps "web" deleted
        $ k wait --for=delete pod -l app=web --timeout=120s
        $ k run stuck --image=fairway.local/toolbox:1 -- sleep 1000
        $ k wait --for=condition=Ready pod/stuck --timeout=120s
        $ k delete pod stuck --grace-period=0 --force
        force deleted
        ! k get pod stuck
        pods "stuck" not found
        $ k delete pod stuck --ignore-not-found
        $ k create configmap a && k create configmap b && k label configmap a b group=x && k delete configmap -l group=x
        configmap "a" deleted
        configmap "b" deleted
        $ k create namespace $NS-more && k -n $NS-more create configmap inside && k delete namespace $NS-more
        namespace "end-
        ! k get namespace $NS-more
        not found
        """);
  }

  @Test
  void emptiesANode(LabCluster cluster) throws Exception {
    for (String kubectl : kubectls()) {
      var _ =
          play(
              cluster,
              kubectl,
              "node",
              """
              $ k label node worker-2 disk=fast && k get nodes -l disk=fast -o name && k label node worker-2 disk-
              node/worker-2
              $ k taint node worker-2 key=value:NoSchedule && k describe node worker-2 | grep Taints && k taint node worker-2 key=value:NoSchedule-
              Taints: key=value:NoSchedule
              $ k create deployment moved --image=fairway.local/toolbox:1 --replicas=3 && k rollout status deployment/moved --timeout=120s
              $ k cordon worker-2 && k get node worker-2
              node/worker-2 cordoned
              Ready,SchedulingDisabled
              $ k drain worker-2 --pod-selector=app=moved --ignore-daemonsets --timeout=120s
              node/worker-2 drained
              $ k rollout status deployment/moved --timeout=120s
              $ k get pods -l app=moved -o wide | grep -c worker-2 || true
              0
              $ k uncordon worker-2
              node/worker-2 uncordoned
              """);
    }
  }
}
