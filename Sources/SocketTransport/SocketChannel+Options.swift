public import NIOCore

/// The options that the gateway's handlers use: automatic reads, watermarks, what waits to be sent, and those of the socket.
extension SocketChannel {
    public func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        loop.submit { try self.set(option, value) }
    }

    public func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        loop.submit { try self.get(option) }
    }

    public var syncOptions: (any NIOSynchronousChannelOptions)? { SynchronousOptions(channel: self) }

    private struct SynchronousOptions: NIOSynchronousChannelOptions {
        let channel: SocketChannel

        func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
            try channel.set(option, value)
        }

        func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value { try channel.get(option) }
    }

    private func set<Option: ChannelOption>(_ option: Option, _ value: Option.Value) throws {
        guard let socket else { throw ChannelError.ioOnClosedChannel }
        switch (option, value) {
        case (is ChannelOptions.Types.AutoReadOption, let value as Bool):
            let begins = value && !autoRead
            autoRead = value
            if begins, isActive {
                pipeline.syncOperations.read()
            } else if !value {
                socket.stopReading()
            }
        case (
            is ChannelOptions.Types.WriteBufferWaterMarkOption, let value as ChannelOptions.Types.WriteBufferWaterMark
        ):
            socket.watermarks = .init(low: value.low, high: value.high)
        case (let option as ChannelOptions.Types.SocketOption, let value as SocketOptionValue):
            try socket.setOption(
                level: CInt(option.optionLevel.rawValue), name: CInt(option.optionName.rawValue), value: CInt(value))
        default:
            throw ChannelError.operationUnsupported
        }
    }

    private func get<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
        guard let socket else { throw ChannelError.ioOnClosedChannel }
        let value: Any? =
            switch option {
            case is ChannelOptions.Types.AutoReadOption: autoRead
            case is ChannelOptions.Types.BufferedWritableBytesOption: socket.bufferedBytes
            case is ChannelOptions.Types.WriteBufferWaterMarkOption:
                ChannelOptions.Types.WriteBufferWaterMark(low: socket.watermarks.low, high: socket.watermarks.high)
            default: nil
            }
        guard let value = value as? Option.Value else { throw ChannelError.operationUnsupported }
        return value
    }
}
