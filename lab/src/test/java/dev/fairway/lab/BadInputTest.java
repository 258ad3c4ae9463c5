// SPDX-License-Identifier: Apache-2.0
package dev.fairway.lab;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/// What a person is told about a mistake: one clear line that names the object and the field, and
/// nothing half-done.
@Tag("slow")
@ExtendWith(LabCluster.Extension.class)
class BadInputTest {
  @TempDir Path directory;

  /// Manifests that are refused. `POD` stands for the head of a pod with container `c`, `DEPLOY`
  /// for that of a Deployment; both end inside the braces.
  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      quoteCharacter = '~',
      value = {
        "{apiVersion: v1, kind: Nope, metadata: {name: bad}} | no matches for kind \"Nope\" in version \"v1\"",
        "{apiVersion: apps/v7, kind: Deployment, metadata: {name: bad}} | no matches for kind \"Deployment\" in version \"apps/v7\"",
        "{apiVersion: v1, metadata: {name: bad}} | kind not set",
        "{kind: Pod, metadata: {name: bad}} | apiVersion not set",
        "{apiVersion: v1, kind: Pod, metadata: {name: bad | error converting YAML to JSON",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: Bad_Name}} | The ConfigMap \"Bad_Name\" is invalid: metadata.name: Invalid value: \"Bad_Name\"",
        "{apiVersion: v1, kind: ConfigMap, metadata: {}} | resource name may not be empty",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: bad, labels: {a: b c}}} | The ConfigMap \"bad\" is invalid: metadata.labels: Invalid value: \"b c\"",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: bad}, data: {a: 1}} | data.a: expected a string, got a number 1",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: bad}, dta: {a: b}} | unknown field \"dta\"",
        "{apiVersion: v1, kind: ConfigMap, metadata: {name: bad, namespace: absent}} | namespaces \"absent\" not found",
        "{apiVersion: v1, kind: Secret, metadata: {name: bad}, data: {a: '***'}} | data.a: the value is not valid base64",
        "{apiVersion: v1, kind: Pod, metadata: {name: bad}} | The Pod \"bad\" is invalid: spec.containers: Required value",
        "{apiVersion: v1, kind: Pod, metadata: {name: bad}, spec: {containers: {name: c}}} | spec.containers: expected a list, got an object",
        "{apiVersion: v1, kind: Pod, metadata: {name: bad}, spec: {containers: [{name: c}]}} | spec.containers[0].image: Required value",
        "{apiVersion: v1, kind: Pod, metadata: {name: bad}, spec: {containers: [{name: c, image: i}, {name: c, image: i}]}} | spec.containers[1].name: Duplicate value: \"c\"",
        "POD, comand: [x]}]}} | unknown field \"spec.containers[0].comand\"",
        "POD, ports: [{containerPort: 70000}]}]}} | spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535",
        "POD, volumeMounts: [{name: v, mountPath: /v}]}]}} | spec.containers[0].volumeMounts[0].name: Not found: \"v\"",
        "POD, resources: {limits: {cpu: lots}}}]}} | spec.containers[0].resources.limits.cpu: \"lots\" is not a quantity",
        "POD, resources: {limits: {cpu: 1}, requests: {cpu: 2}}}]}} | must be less than or equal to cpu limit of 1",
        "POD, imagePullPolicy: Maybe}]}} | spec.containers[0].imagePullPolicy: Unsupported value: \"Maybe\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
        "POD}], restartPolicy: Sometimes}} | spec.restartPolicy: Unsupported value: \"Sometimes\"",
        "POD}], serviceAccountName: absent}} | serviceaccount \"absent\" not found",
        "DEPLOY, replicas: many, selector: {matchLabels: {a: b}}}} | spec.replicas: expected an integer (int32), got a string \"many\"",
        "DEPLOY, replicas: -1, selector: {matchLabels: {a: b}}}} | spec.replicas: Invalid value: -1: must be greater than or equal to 0",
        "DEPLOY}} | The Deployment \"bad\" is invalid: spec.selector: Required value",
        "DEPLOY, selector: {matchLabels: {a: other}}}} | `selector` does not match template `labels`",
        "{apiVersion: v1, kind: Service, metadata: {name: 1bad}, spec: {ports: [{port: 80}]}} | The Service \"1bad\" is invalid: metadata.name",
        "{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {ports: [{port: 70000}]}} | The Service \"bad\" is invalid: spec.ports[0].port: Invalid value: 70000",
        "{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {ports: [{port: 80}, {port: 81}]}} | spec.ports[0].name: Required value",
        "{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {type: Sideways, ports: [{port: 80}]}} | spec.type: Unsupported value: \"Sideways\"",
        "{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {type: NodePort, ports: [{port: 80, nodePort: 80}]}} | The range of valid ports is 30000-32767",
        "{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {clusterIP: 10.99.0.1, ports: [{port: 80}]}} | The range of valid IPs is 10.32.0.0/16",
        "{apiVersion: v1, kind: Service, metadata: {name: bad}, spec: {clusterIP: 10.32.0.10, ports: [{port: 80}]}} | provided IP is already allocated",
        "{apiVersion: batch/v1, kind: Job, metadata: {name: bad}, spec: {template: {spec: {containers: [{name: c, image: i}]}}}} | spec.template.spec.restartPolicy: Unsupported value: \"Always\"",
        "{apiVersion: batch/v1, kind: CronJob, metadata: {name: bad}, spec: {schedule: often, jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}}}} | spec.schedule: Invalid value: \"often\"",
        "{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: bad}, spec: {podSelector: {}, ingress: [{ports: [{port: 99999}]}]}} | spec.ingress[0].ports[0].port: Invalid value: 99999",
      })
  void refusesTheManifest(String manifest, String message, LabCluster cluster) {
    String full =
        manifest
            .replace(
                "POD",
                "{apiVersion: v1, kind: Pod, metadata: {name: bad},"
                    + " spec: {containers: [{name: c, image: i")
            .replace(
                "DEPLOY",
                "{apiVersion: apps/v1, kind: Deployment, metadata: {name: bad}, spec: {template:"
                    + " {metadata: {labels: {a: b}}, spec: {containers: [{name: c, image: i}]}}");
    // The comment keeps kubectl from taking what begins with a brace for JSON.
    Shell.Result applied = cluster.shell().run("./fairway kubectl apply -f -", "# YAML\n" + full);
    assertThat(applied.bad())
        .contains(message)
        .doesNotContain("Exception")
        .doesNotContain("created");
    String line = applied.output().lines().filter(l -> l.contains(message)).findFirst().orElse("");
    assertThat(line).as("one line says it all").contains(message);
  }

  @Test
  void mistakesLeaveThingsAsTheyWere(LabCluster cluster) throws InterruptedException {
    Transcript transcript =
        new Transcript(
            cluster.shell(), Repository.root().resolve("fairway") + " kubectl", "bad", directory);
    transcript.play(
        """
        $ k create namespace $NS
        ~ k get serviceaccount default
        $ k create configmap taken
        ! k create configmap taken
        configmaps "taken" already exists
        ! k delete configmap absent
        configmaps "absent" not found
        $ k get configmap taken -o yaml > old.yaml && k annotate configmap taken note=new
        ! k replace -f old.yaml
        Operation cannot be fulfilled on configmaps "taken": the object has been modified; please apply your changes to the latest version and try again
        $ k get configmap taken -o jsonpath='{.metadata.annotations.note}'
        new
        $ k create deployment web --image=fairway.local/toolbox:1
        ! k patch deployment web -p '{"spec":{"selector":{"matchLabels":{"app":"other"}}}}'
        The Deployment "web" is invalid:
        spec.selector: Invalid value: {"matchLabels":{"app":"other"}}: field is immutable
        ! k patch deployment web --type=json -p '[{"op":"remove","path":"/spec/nope"}]'
        there is nothing at /spec/nope
        ! k patch deployment web --type=merge -p '{oops'
        not valid JSON
        ! k set image deployment/web nope=x:1
        unable to find container named "nope"
        ! k patch service kubernetes -n default -p '{"spec":{"clusterIP":"10.32.0.77"}}'
        The Service "kubernetes" is invalid: spec.clusterIPs[0]: Invalid value: "10.32.0.77": may not change once set
        ! k delete namespace default
        namespaces "default" is forbidden: this namespace may not be deleted
        ! k scale deployment absent --replicas=1
        deployments.apps "absent" not found
        ! k logs absent
        pods "absent" not found
        ! k exec absent -- true
        pods "absent" not found
        ! k get pods --field-selector=nope=1
        field label not supported: nope
        ! k get pods -l 'a in'
        unable to parse requirement
        ! k create deployment Bad --image=fairway.local/toolbox:1
        metadata.name: Invalid value: "Bad"
        ! k run bad --image='NOT AN IMAGE'
        Invalid image name
        ! k create token absent
        serviceaccounts "absent" not found
        ! printf '# YAML\\n{apiVersion: v1, kind: ConfigMap, metadata: {name: good}}\\n---\\n{apiVersion: v1, kind: ConfigMap, metadata: {name: Bad}}\\n' | k apply -f -
        configmap/good created
        The ConfigMap "Bad" is invalid: metadata.name
        $ k run lost --image=127.0.0.1:1/absent:1
        ~ k get pod lost
        ImagePull
        ~ k describe pod lost
        Failed to pull image "127.0.0.1:1/absent:1"
        $ k delete pod lost --now
        $ k delete service kubernetes -n default
        ~ k get service kubernetes -n default
        kubernetes ClusterIP 10.32.0.1
        $ k get configmap -o name
        configmap/good
        configmap/taken
        $ k delete namespace $NS --wait=false
        """);
  }
}
