// SPDX-License-Identifier: Apache-2.0
package dev.fairway.kubelet.cri;

import com.google.protobuf.Message;
import dev.fairway.kubelet.cri.events.Envelope;
import dev.fairway.kubelet.cri.events.SubscribeRequest;
import dev.fairway.kubelet.cri.v1.AttachRequest;
import dev.fairway.kubelet.cri.v1.AttachResponse;
import dev.fairway.kubelet.cri.v1.AuthConfig;
import dev.fairway.kubelet.cri.v1.Container;
import dev.fairway.kubelet.cri.v1.ContainerConfig;
import dev.fairway.kubelet.cri.v1.ContainerFilter;
import dev.fairway.kubelet.cri.v1.ContainerStatus;
import dev.fairway.kubelet.cri.v1.ContainerStatusRequest;
import dev.fairway.kubelet.cri.v1.ContainerStatusResponse;
import dev.fairway.kubelet.cri.v1.CreateContainerRequest;
import dev.fairway.kubelet.cri.v1.CreateContainerResponse;
import dev.fairway.kubelet.cri.v1.ExecRequest;
import dev.fairway.kubelet.cri.v1.ExecResponse;
import dev.fairway.kubelet.cri.v1.ExecSyncRequest;
import dev.fairway.kubelet.cri.v1.ExecSyncResponse;
import dev.fairway.kubelet.cri.v1.Image;
import dev.fairway.kubelet.cri.v1.ImageSpec;
import dev.fairway.kubelet.cri.v1.ImageStatusRequest;
import dev.fairway.kubelet.cri.v1.ImageStatusResponse;
import dev.fairway.kubelet.cri.v1.ListContainersRequest;
import dev.fairway.kubelet.cri.v1.ListContainersResponse;
import dev.fairway.kubelet.cri.v1.ListPodSandboxRequest;
import dev.fairway.kubelet.cri.v1.ListPodSandboxResponse;
import dev.fairway.kubelet.cri.v1.PodSandbox;
import dev.fairway.kubelet.cri.v1.PodSandboxConfig;
import dev.fairway.kubelet.cri.v1.PodSandboxFilter;
import dev.fairway.kubelet.cri.v1.PodSandboxStatus;
import dev.fairway.kubelet.cri.v1.PodSandboxStatusRequest;
import dev.fairway.kubelet.cri.v1.PodSandboxStatusResponse;
import dev.fairway.kubelet.cri.v1.PortForwardRequest;
import dev.fairway.kubelet.cri.v1.PortForwardResponse;
import dev.fairway.kubelet.cri.v1.PullImageRequest;
import dev.fairway.kubelet.cri.v1.PullImageResponse;
import dev.fairway.kubelet.cri.v1.RemoveContainerRequest;
import dev.fairway.kubelet.cri.v1.RemoveContainerResponse;
import dev.fairway.kubelet.cri.v1.RemovePodSandboxRequest;
import dev.fairway.kubelet.cri.v1.RemovePodSandboxResponse;
import dev.fairway.kubelet.cri.v1.ReopenContainerLogRequest;
import dev.fairway.kubelet.cri.v1.ReopenContainerLogResponse;
import dev.fairway.kubelet.cri.v1.RunPodSandboxRequest;
import dev.fairway.kubelet.cri.v1.RunPodSandboxResponse;
import dev.fairway.kubelet.cri.v1.RuntimeCondition;
import dev.fairway.kubelet.cri.v1.StartContainerRequest;
import dev.fairway.kubelet.cri.v1.StartContainerResponse;
import dev.fairway.kubelet.cri.v1.StatusRequest;
import dev.fairway.kubelet.cri.v1.StatusResponse;
import dev.fairway.kubelet.cri.v1.StopContainerRequest;
import dev.fairway.kubelet.cri.v1.StopContainerResponse;
import dev.fairway.kubelet.cri.v1.StopPodSandboxRequest;
import dev.fairway.kubelet.cri.v1.StopPodSandboxResponse;
import dev.fairway.kubelet.cri.v1.VersionRequest;
import dev.fairway.kubelet.cri.v1.VersionResponse;
import io.grpc.CallOptions;
import io.grpc.ManagedChannel;
import io.grpc.MethodDescriptor;
import io.grpc.StatusRuntimeException;
import io.grpc.netty.NettyChannelBuilder;
import io.grpc.protobuf.ProtoUtils;
import io.grpc.stub.ClientCalls;
import io.netty.channel.ChannelOption;
import io.netty.channel.EventLoopGroup;
import io.netty.channel.MultiThreadIoEventLoopGroup;
import io.netty.channel.nio.NioIoHandler;
import io.netty.channel.socket.nio.NioDomainSocketChannel;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import java.util.function.Supplier;

/// One container runtime, reached over its unix socket.
///
/// Every call blocks until the runtime answered or its time is up; call it from virtual threads.
/// The connection is made at the first call and made again after the runtime restarted.
public final class Cri implements AutoCloseable {
  private static final Duration SHORT = Duration.ofSeconds(30);

  // A sandbox waits for the network plugin, a pull for a registry.
  private static final Duration SANDBOX = Duration.ofMinutes(4);
  private static final Duration PULL = Duration.ofMinutes(30);

  // Thousands of containers fit; a runtime gone mad does not fill our heap.
  private static final int MAX_MESSAGE_BYTES = 16 << 20;

  private static final MethodDescriptor<VersionRequest, VersionResponse> VERSION =
      runtime("Version", VersionRequest.getDefaultInstance(), VersionResponse.getDefaultInstance());
  private static final MethodDescriptor<StatusRequest, StatusResponse> STATUS =
      runtime("Status", StatusRequest.getDefaultInstance(), StatusResponse.getDefaultInstance());
  private static final MethodDescriptor<RunPodSandboxRequest, RunPodSandboxResponse>
      RUN_POD_SANDBOX =
          runtime(
              "RunPodSandbox",
              RunPodSandboxRequest.getDefaultInstance(),
              RunPodSandboxResponse.getDefaultInstance());
  private static final MethodDescriptor<StopPodSandboxRequest, StopPodSandboxResponse>
      STOP_POD_SANDBOX =
          runtime(
              "StopPodSandbox",
              StopPodSandboxRequest.getDefaultInstance(),
              StopPodSandboxResponse.getDefaultInstance());
  private static final MethodDescriptor<RemovePodSandboxRequest, RemovePodSandboxResponse>
      REMOVE_POD_SANDBOX =
          runtime(
              "RemovePodSandbox",
              RemovePodSandboxRequest.getDefaultInstance(),
              RemovePodSandboxResponse.getDefaultInstance());
  private static final MethodDescriptor<PodSandboxStatusRequest, PodSandboxStatusResponse>
      POD_SANDBOX_STATUS =
          runtime(
              "PodSandboxStatus",
              PodSandboxStatusRequest.getDefaultInstance(),
              PodSandboxStatusResponse.getDefaultInstance());
  private static final MethodDescriptor<ListPodSandboxRequest, ListPodSandboxResponse>
      LIST_POD_SANDBOX =
          runtime(
              "ListPodSandbox",
              ListPodSandboxRequest.getDefaultInstance(),
              ListPodSandboxResponse.getDefaultInstance());
  private static final MethodDescriptor<CreateContainerRequest, CreateContainerResponse>
      CREATE_CONTAINER =
          runtime(
              "CreateContainer",
              CreateContainerRequest.getDefaultInstance(),
              CreateContainerResponse.getDefaultInstance());
  private static final MethodDescriptor<StartContainerRequest, StartContainerResponse>
      START_CONTAINER =
          runtime(
              "StartContainer",
              StartContainerRequest.getDefaultInstance(),
              StartContainerResponse.getDefaultInstance());
  private static final MethodDescriptor<StopContainerRequest, StopContainerResponse>
      STOP_CONTAINER =
          runtime(
              "StopContainer",
              StopContainerRequest.getDefaultInstance(),
              StopContainerResponse.getDefaultInstance());
  private static final MethodDescriptor<RemoveContainerRequest, RemoveContainerResponse>
      REMOVE_CONTAINER =
          runtime(
              "RemoveContainer",
              RemoveContainerRequest.getDefaultInstance(),
              RemoveContainerResponse.getDefaultInstance());
  private static final MethodDescriptor<ListContainersRequest, ListContainersResponse>
      LIST_CONTAINERS =
          runtime(
              "ListContainers",
              ListContainersRequest.getDefaultInstance(),
              ListContainersResponse.getDefaultInstance());
  private static final MethodDescriptor<ContainerStatusRequest, ContainerStatusResponse>
      CONTAINER_STATUS =
          runtime(
              "ContainerStatus",
              ContainerStatusRequest.getDefaultInstance(),
              ContainerStatusResponse.getDefaultInstance());
  private static final MethodDescriptor<ReopenContainerLogRequest, ReopenContainerLogResponse>
      REOPEN_CONTAINER_LOG =
          runtime(
              "ReopenContainerLog",
              ReopenContainerLogRequest.getDefaultInstance(),
              ReopenContainerLogResponse.getDefaultInstance());
  private static final MethodDescriptor<ExecSyncRequest, ExecSyncResponse> EXEC_SYNC =
      runtime(
          "ExecSync", ExecSyncRequest.getDefaultInstance(), ExecSyncResponse.getDefaultInstance());
  private static final MethodDescriptor<ExecRequest, ExecResponse> EXEC =
      runtime("Exec", ExecRequest.getDefaultInstance(), ExecResponse.getDefaultInstance());
  private static final MethodDescriptor<AttachRequest, AttachResponse> ATTACH =
      runtime("Attach", AttachRequest.getDefaultInstance(), AttachResponse.getDefaultInstance());
  private static final MethodDescriptor<PortForwardRequest, PortForwardResponse> PORT_FORWARD =
      runtime(
          "PortForward",
          PortForwardRequest.getDefaultInstance(),
          PortForwardResponse.getDefaultInstance());
  private static final MethodDescriptor<ImageStatusRequest, ImageStatusResponse> IMAGE_STATUS =
      images(
          "ImageStatus",
          ImageStatusRequest.getDefaultInstance(),
          ImageStatusResponse.getDefaultInstance());
  private static final MethodDescriptor<PullImageRequest, PullImageResponse> PULL_IMAGE =
      images(
          "PullImage",
          PullImageRequest.getDefaultInstance(),
          PullImageResponse.getDefaultInstance());
  private static final MethodDescriptor<SubscribeRequest, Envelope> SUBSCRIBE =
      method(
          MethodDescriptor.MethodType.SERVER_STREAMING,
          "containerd.services.events.v1.Events",
          "Subscribe",
          SubscribeRequest.getDefaultInstance(),
          Envelope.getDefaultInstance());

  private final EventLoopGroup loop = new MultiThreadIoEventLoopGroup(1, NioIoHandler.newFactory());
  private final ManagedChannel channel;

  /// @param socket the runtime's socket, such as `/run/containerd/containerd.sock`
  public Cri(Path socket) {
    this.channel =
        NettyChannelBuilder.forAddress(UnixDomainSocketAddress.of(socket))
            .channelType(NioDomainSocketChannel.class)
            .eventLoopGroup(loop)
            // Not an option of unix sockets; asking for it only makes a warning.
            .withOption(ChannelOption.SO_KEEPALIVE, null)
            .overrideAuthority("localhost")
            .maxInboundMessageSize(MAX_MESSAGE_BYTES)
            .executor(Thread::startVirtualThread)
            .usePlaintext()
            .build();
  }

  /// Name and version of the runtime.
  public VersionResponse version() {
    return call(VERSION, SHORT, VersionRequest.getDefaultInstance());
  }

  /// The runtime's conditions, such as `RuntimeReady` and `NetworkReady`.
  public List<RuntimeCondition> conditions() {
    return call(STATUS, SHORT, StatusRequest.getDefaultInstance()).getStatus().getConditionsList();
  }

  /// The sandboxes carrying all these labels.
  public List<PodSandbox> sandboxes(Map<String, String> labels) {
    var filter = PodSandboxFilter.newBuilder().putAllLabelSelector(labels);
    var request = ListPodSandboxRequest.newBuilder().setFilter(filter).build();
    return call(LIST_POD_SANDBOX, SHORT, request).getItemsList();
  }

  /// The containers carrying all these labels, running or not.
  public List<Container> containers(Map<String, String> labels) {
    var filter = ContainerFilter.newBuilder().putAllLabelSelector(labels);
    var request = ListContainersRequest.newBuilder().setFilter(filter).build();
    return call(LIST_CONTAINERS, SHORT, request).getContainersList();
  }

  /// One sandbox with its addresses; empty if it is gone.
  public Optional<PodSandboxStatus> sandbox(String id) {
    var request = PodSandboxStatusRequest.newBuilder().setPodSandboxId(id).build();
    return found(() -> call(POD_SANDBOX_STATUS, SHORT, request).getStatus());
  }

  /// One container in full; empty if it is gone.
  public Optional<ContainerStatus> container(String id) {
    var request = ContainerStatusRequest.newBuilder().setContainerId(id).build();
    return found(() -> call(CONTAINER_STATUS, SHORT, request).getStatus());
  }

  /// Makes the pod's namespaces and network, and answers the sandbox's id.
  public String runSandbox(PodSandboxConfig config) {
    var request = RunPodSandboxRequest.newBuilder().setConfig(config).build();
    return call(RUN_POD_SANDBOX, SANDBOX, request).getPodSandboxId();
  }

  /// Ends everything in the sandbox and takes its network down. A sandbox that is gone is fine.
  public void stopSandbox(String id) {
    var request = StopPodSandboxRequest.newBuilder().setPodSandboxId(id).build();
    goneIsFine(() -> call(STOP_POD_SANDBOX, SANDBOX, request));
  }

  /// Forgets a sandbox and its containers. A sandbox that is gone is fine.
  public void removeSandbox(String id) {
    var request = RemovePodSandboxRequest.newBuilder().setPodSandboxId(id).build();
    goneIsFine(() -> call(REMOVE_POD_SANDBOX, SANDBOX, request));
  }

  /// Makes a container in a sandbox, without starting it, and answers its id.
  public String createContainer(String sandbox, ContainerConfig config, PodSandboxConfig pod) {
    var request =
        CreateContainerRequest.newBuilder()
            .setPodSandboxId(sandbox)
            .setConfig(config)
            .setSandboxConfig(pod)
            .build();
    return call(CREATE_CONTAINER, SANDBOX, request).getContainerId();
  }

  public void startContainer(String id) {
    var request = StartContainerRequest.newBuilder().setContainerId(id).build();
    call(START_CONTAINER, SANDBOX, request);
  }

  /// Sends the stop signal, waits up to the grace period, then kills. Gone is fine.
  public void stopContainer(String id, Duration grace) {
    var request =
        StopContainerRequest.newBuilder().setContainerId(id).setTimeout(grace.toSeconds()).build();
    goneIsFine(() -> call(STOP_CONTAINER, grace.plus(SHORT), request));
  }

  /// Forgets a stopped container. Gone is fine.
  public void removeContainer(String id) {
    var request = RemoveContainerRequest.newBuilder().setContainerId(id).build();
    goneIsFine(() -> call(REMOVE_CONTAINER, SHORT, request));
  }

  /// Makes the runtime open the container's log file anew, after the old one was moved away.
  public void reopenLog(String container) {
    var request = ReopenContainerLogRequest.newBuilder().setContainerId(container).build();
    call(REOPEN_CONTAINER_LOG, SHORT, request);
  }

  /// Runs a command in a container to its end.
  public ExecSyncResponse exec(String container, List<String> command, Duration timeout) {
    var request =
        ExecSyncRequest.newBuilder()
            .setContainerId(container)
            .addAllCmd(command)
            .setTimeout(timeout.toSeconds())
            .build();
    return call(EXEC_SYNC, timeout.plus(SHORT), request);
  }

  /// The URL at which the runtime streams a command's input and output.
  public String execUrl(ExecRequest request) {
    return call(EXEC, SHORT, request).getUrl();
  }

  /// The URL at which the runtime streams a running container's input and output.
  public String attachUrl(AttachRequest request) {
    return call(ATTACH, SHORT, request).getUrl();
  }

  /// The URL at which the runtime forwards ports of a sandbox.
  public String portForwardUrl(PortForwardRequest request) {
    return call(PORT_FORWARD, SHORT, request).getUrl();
  }

  /// The image under this name; empty if the runtime does not have it.
  public Optional<Image> image(String name) {
    var request =
        ImageStatusRequest.newBuilder().setImage(ImageSpec.newBuilder().setImage(name)).build();
    ImageStatusResponse answer = call(IMAGE_STATUS, SHORT, request);
    return answer.hasImage() ? Optional.of(answer.getImage()) : Optional.empty();
  }

  /// Fetches an image from its registry and answers its reference.
  public String pull(String name, Optional<AuthConfig> login) {
    var request = PullImageRequest.newBuilder().setImage(ImageSpec.newBuilder().setImage(name));
    login.ifPresent(request::setAuth);
    return call(PULL_IMAGE, PULL, request.build()).getImageRef();
  }

  /// Hands every task event of containerd to the listener, until the connection ends or the thread
  /// is interrupted.
  ///
  /// @param listener gets the topic, such as `/tasks/exit`
  public void followTasks(Consumer<String> listener) {
    var request = SubscribeRequest.newBuilder().addFilters("topic~=\"^/tasks/\"").build();
    try {
      Iterator<Envelope> feed =
          ClientCalls.blockingServerStreamingCall(channel, SUBSCRIBE, CallOptions.DEFAULT, request);
      while (feed.hasNext()) {
        listener.accept(feed.next().getTopic());
      }
    } catch (StatusRuntimeException e) {
      throw new CriException("Subscribe", e);
    }
  }

  @Override
  public void close() {
    channel.shutdownNow();
    loop.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }

  private static <T> Optional<T> found(Supplier<T> call) {
    try {
      return Optional.of(call.get());
    } catch (CriException e) {
      if (e.notFound()) {
        return Optional.empty();
      }
      throw e;
    }
  }

  private static void goneIsFine(Supplier<?> call) {
    var _ = found(call);
  }

  private <Q extends Message, R extends Message> R call(
      MethodDescriptor<Q, R> method, Duration limit, Q request) {
    try {
      CallOptions options =
          CallOptions.DEFAULT.withDeadlineAfter(limit.toMillis(), TimeUnit.MILLISECONDS);
      return ClientCalls.blockingUnaryCall(channel, method, options, request);
    } catch (StatusRuntimeException e) {
      throw new CriException(requireName(method), e);
    }
  }

  private static String requireName(MethodDescriptor<?, ?> method) {
    String name = method.getBareMethodName();
    return name == null ? method.getFullMethodName() : name;
  }

  private static <Q extends Message, R extends Message> MethodDescriptor<Q, R> runtime(
      String name, Q request, R answer) {
    return method(
        MethodDescriptor.MethodType.UNARY, "runtime.v1.RuntimeService", name, request, answer);
  }

  private static <Q extends Message, R extends Message> MethodDescriptor<Q, R> images(
      String name, Q request, R answer) {
    return method(
        MethodDescriptor.MethodType.UNARY, "runtime.v1.ImageService", name, request, answer);
  }

  private static <Q extends Message, R extends Message> MethodDescriptor<Q, R> method(
      MethodDescriptor.MethodType type, String service, String name, Q request, R answer) {
    return MethodDescriptor.<Q, R>newBuilder()
        .setType(type)
        .setFullMethodName(MethodDescriptor.generateFullMethodName(service, name))
        .setRequestMarshaller(ProtoUtils.marshaller(request))
        .setResponseMarshaller(ProtoUtils.marshaller(answer))
        .build();
  }
}
